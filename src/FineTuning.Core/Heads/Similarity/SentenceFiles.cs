using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;

namespace FineTuning.Heads;

/// <summary>The files by which sentence-transformers describes an encoder beside its weights.</summary>
internal sealed record SentenceFiles
{
    private const long LargestFile = 1L << 20;
    private const int MostModules = 16;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Where config.json, weights and tokenizer are.</summary>
    public required string EncoderFolder { get; init; }

    /// <summary>The folder of the pooling. Null: none is named.</summary>
    public string? PoolingFolder { get; init; }

    /// <summary>What follows the pooling: the kind (Normalize, Dense) and its folder.</summary>
    public IReadOnlyList<(string Kind, string Folder)> Tail { get; init; } = [];

    /// <summary>max_seq_length. Null: none is named.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>Whether texts are lower-cased before the tokenizer.</summary>
    public bool LowerCase { get; init; }

    /// <summary>Texts put before a text, by name.</summary>
    public IReadOnlyDictionary<string, string> Prompts { get; init; } = new Dictionary<string, string>();

    /// <summary>The prompt that is used where none is asked for.</summary>
    public string? DefaultPrompt { get; init; }

    /// <summary>Reads modules.json and what it names; a folder without it is a plain encoder.</summary>
    /// <exception cref="CheckpointException">A file is damaged or hostile, or a module is not of a supported kind.</exception>
    public static SentenceFiles Read(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        string path = Path.Combine(folder, "modules.json");
        if (!File.Exists(path)) return new SentenceFiles { EncoderFolder = folder };
        List<(string Kind, string Folder)> modules = Modules(path, folder);
        if (modules.Count == 0 || modules[0].Kind != "Transformer")
            throw new CheckpointException(path, "the first module is not a Transformer, which is the only kind of first module that is supported");
        if (modules.Count < 2 || modules[1].Kind != "Pooling")
            throw new CheckpointException(path, "the second module is not a Pooling, which is the only kind of second module that is supported");
        foreach ((string kind, _) in modules.Skip(2))
        {
            if (kind is not ("Normalize" or "Dense"))
                throw new CheckpointException(path, $"modules of the kind '{kind}' are not supported after the pooling; Normalize and Dense are");
        }
        ConfigFile? encoding = ReadObject(Path.Combine(modules[0].Folder, "sentence_bert_config.json"));
        ConfigFile? whole = ReadObject(Path.Combine(folder, "config_sentence_transformers.json"));
        return new SentenceFiles
        {
            EncoderFolder = modules[0].Folder,
            PoolingFolder = modules[1].Folder,
            Tail = modules[2..],
            MaximumLength = encoding?.Has("max_seq_length") == true ? encoding.Count("max_seq_length", least: 3) : null,
            LowerCase = encoding?.Flag("do_lower_case", false) ?? false,
            Prompts = whole?.Section("prompts") is { } prompts
            ? prompts.Root.ToDictionary(entry => entry.Key, entry => prompts.Text(entry.Key) ?? "", StringComparer.Ordinal) : new Dictionary<string, string>(),
            DefaultPrompt = whole?.Text("default_prompt_name"),
        };
    }

    /// <summary>Writes the files of an encoder whose weights lie in the folder itself.</summary>
    public void Write(string folder, PoolingModule pooling, int width, IReadOnlyList<SentenceModule> tail, int maximumLength)
    {
        var modules = new JsonArray(Module(0, "", "sentence_transformers.models.Transformer"), Module(1, "1_Pooling", "sentence_transformers.models.Pooling"));
        string poolingFolder = Path.Combine(folder, "1_Pooling");
        Directory.CreateDirectory(poolingFolder);
        WriteJson(Path.Combine(poolingFolder, "config.json"), pooling.Write(width));
        for (int i = 0; i < tail.Count; i++)
        {
            string name = $"{i + 2}_{tail[i].Type[(tail[i].Type.LastIndexOf('.') + 1)..]}";
            modules.Add((JsonNode)Module(i + 2, name, tail[i].Type));
            tail[i].Save(Path.Combine(folder, name));
        }
        WriteJson(Path.Combine(folder, "modules.json"), modules);
        WriteJson(Path.Combine(folder, "sentence_bert_config.json"), new JsonObject { ["max_seq_length"] = maximumLength, ["do_lower_case"] = LowerCase });
        WriteJson(Path.Combine(folder, "config_sentence_transformers.json"), new JsonObject
        {
            ["__version__"] = new JsonObject(),
            ["prompts"] = new JsonObject(Prompts.Select(prompt => KeyValuePair.Create(prompt.Key, (JsonNode?)prompt.Value))),
            ["default_prompt_name"] = DefaultPrompt,
            ["similarity_fn_name"] = "cosine",
        });
    }

    /// <summary>Reads a JSON object with a limit on its size; null where there is no such file.</summary>
    public static ConfigFile? ReadObject(string path) => File.Exists(path) ? ConfigFile.ReadFile(path, LargestFile) : null;

    public static void WriteJson(string path, JsonNode content) => File.WriteAllText(path, content.ToJsonString(Indented) + "\n");

    private static JsonObject Module(int index, string path, string type) => new() { ["idx"] = index, ["name"] = $"{index}", ["path"] = path, ["type"] = type };

    private static List<(string Kind, string Folder)> Modules(string path, string folder)
    {
        if (StrictJson.Node(path, InputFile.Bytes(path, LargestFile)) is not JsonArray { Count: <= MostModules } list)
        {
            throw new CheckpointException(path, $"a list of at most {MostModules} modules was expected");
        }
        var modules = new List<(string, string)>();
        foreach (JsonNode? entry in list)
        {
            ConfigFile module = ConfigFile.Of(path, entry as JsonObject ?? throw new CheckpointException(path, "an entry is not an object"));
            string type = module.Text("type") ?? throw module.Fault("an entry has no 'type'");
            string subfolder = module.Text("path") ?? "";
            // One rule for every system: a module lies in the folder itself or in a plain subfolder.
            if (subfolder is "." or ".." || subfolder.AsSpan().IndexOfAny("/\\:\0") >= 0)
                throw module.Fault($"it names the path '{subfolder}', which is not a plain folder name");
            modules.Add((type[(type.LastIndexOf('.') + 1)..], subfolder.Length == 0 ? folder : Path.Combine(folder, subfolder)));
        }
        return modules;
    }
}
