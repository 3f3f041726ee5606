using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Generation;

/// <summary>generation_config.json: options in and out; what has no option here is kept and written back.</summary>
internal sealed class GenerationConfigFile
{
    public const string Name = "generation_config.json";

    private const long LargestFile = 16L << 20;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly JsonObject _root;

    private GenerationConfigFile(JsonObject root, GenerationOptions options, string path = Name) => (_root, Options, FilePath) = (root, options, path);

    /// <summary>Where the options are from.</summary>
    public string FilePath { get; }

    public GenerationOptions Options { get; }

    /// <summary>Keys that mean nothing here, sorted: they are kept, and change nothing.</summary>
    public IReadOnlyList<string> UnknownKeys { get; private init; } = [];

    /// <summary>Kinds of search that the file asks for and that do not exist here: one sentence each. Generating without them would give other texts.</summary>
    public IReadOnlyList<string> Unsupported { get; private init; } = [];

    /// <summary>The file of a folder; without one, options that set nothing.</summary>
    /// <exception cref="CheckpointException">The file is too large, no JSON object, or has a value of the wrong kind.</exception>
    public static GenerationConfigFile Read(string folder)
    {
        string path = Path.Combine(folder, Name);
        // A link that leads nowhere is named, not passed over.
        return File.Exists(path) || new FileInfo(path).LinkTarget is not null ? Of(path, ConfigFile.ReadFile(path, LargestFile)) : new([], new());
    }

    /// <exception cref="CheckpointException">It is no JSON object, or has a value of the wrong kind.</exception>
    public static GenerationConfigFile Parse(string path, string json) => Of(path, ConfigFile.Parse(path, json));

    private static GenerationConfigFile Of(string path, ConfigFile file)
    {
        try
        {
            var reader = new GenerationConfigReader(path, file.Root);
            // What was read is known: unknown keys come last.
            return new(file.Root, reader.Options(), path) { Unsupported = reader.Unsupported(), UnknownKeys = reader.UnknownKeys() };
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or FormatException)
        {
            // Half a surrogate pair, or a key that stands there twice, shows when a value is first read.
            throw new CheckpointException(path, $"it is no valid JSON: {fault.Message}", fault);
        }
    }

    /// <summary>The same file with other options.</summary>
    public GenerationConfigFile With(GenerationOptions options) => new(_root, options, FilePath) { UnknownKeys = UnknownKeys, Unsupported = Unsupported };

    /// <summary>Writes the file as both lines of transformers read it.</summary>
    public void Write(string folder) => File.WriteAllText(Path.Combine(folder, Name), ToJson() + "\n");

    public string ToJson()
    {
        var root = (JsonObject)_root.DeepClone();
        GenerationConfigWriter.Apply(Options, root);
        return root.ToJsonString(Indented);
    }
}
