using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Models;

/// <summary>config.json, read as data with bounds: a value of the wrong kind or of absurd size is an error that names the key.</summary>
internal sealed class ConfigFile
{
    private const long LargestFile = 16L << 20;
    private const int LargestDimension = 1 << 22;
    private const int LargestList = 4096;
    private const int LongestProblem = 1000;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private ConfigFile(string path, JsonObject root)
    {
        FilePath = path;
        Root = root;
    }

    /// <summary>The file, with its folder; a name where it is not from a file.</summary>
    public string FilePath { get; }

    public JsonObject Root { get; }

    /// <summary>The rate that replaces every dropout rate in the file. Null: the file's own count.</summary>
    public double? DropoutRate { get; init; }

    /// <exception cref="CheckpointException">The file is missing, too large, or no JSON object.</exception>
    public static ConfigFile Read(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        if (!File.Exists(path)) throw new CheckpointException(path, "it is missing; a checkpoint folder holds config.json, weights and tokenizer files");
        return TextModelConfig.Of(ReadFile(path, LargestFile));
    }

    /// <summary>A file of another name that is read by the same rules.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes it may have.</param>
    /// <exception cref="CheckpointException">The file is missing, too large, or no JSON object.</exception>
    public static ConfigFile ReadFile(string path, long limit) => new(path, StrictJson.ReadObject(path, limit));

    /// <exception cref="CheckpointException">The text is no JSON object.</exception>
    public static ConfigFile Parse(string path, string json)
    {
        byte[] bytes;
        try
        {
            bytes = Strict.GetBytes(json);
        }
        catch (EncoderFallbackException fault)
        {
            throw new CheckpointException(path, "it holds half of a surrogate pair, which is no character", fault);
        }
        return new(path, StrictJson.Object(path, bytes));
    }

    /// <summary>The same file with one rate of dropout.</summary>
    public ConfigFile WithDropout(double? rate) => rate is null ? this : new(FilePath, Root) { DropoutRate = rate };

    /// <summary>An object of a list, read by the same rules.</summary>
    public static ConfigFile Of(string path, JsonObject root) => new(path, root);

    /// <summary>The same file with other contents.</summary>
    public ConfigFile With(JsonObject root) => new(FilePath, root) { DropoutRate = DropoutRate };

    /// <summary>What is wrong with the file; values in it may be of any length.</summary>
    public CheckpointException Fault(string problem) =>
        new(FilePath, problem.Length <= LongestProblem ? problem : string.Concat(problem.AsSpan(0, LongestProblem), "…"));

    public bool Has(string key) => Root.TryGetPropertyValue(key, out JsonNode? node) && node is not null;

    /// <summary>Whether the file says null, which is not the same as saying nothing.</summary>
    public bool IsNull(string key) => Root.TryGetPropertyValue(key, out JsonNode? node) && node is null;

    public string? Text(string key) => Value(key) is not { } node ? null
        : node is JsonValue value && value.TryGetValue(out string? text) ? text : throw Fault($"'{key}' is {Shorten(node)}; a string was expected");

    /// <summary>A count from <paramref name="least"/> up, bounded so that nothing is allocated for a lie.</summary>
    public int Count(string key, int? fallback = null, int least = 1, int most = LargestDimension)
    {
        if (Value(key) is not { } node) return fallback ?? throw Fault($"'{key}' is missing");
        if (node is JsonValue value && value.TryGetValue(out long number) && number >= least && number <= most) return (int)number;
        throw Fault($"'{key}' is {Shorten(node)}; a whole number from {least} to {most} was expected");
    }

    public double Number(string key, double fallback, double least, double most)
    {
        if (Value(key) is not { } node) return fallback;
        if (node is JsonValue value && value.TryGetValue(out double number) && number >= least && number <= most) return number;
        throw Fault(string.Create(CultureInfo.InvariantCulture, $"'{key}' is {Shorten(node)}; a number from {least} to {most} was expected"));
    }

    /// <summary>A probability of dropping: from 0 to below 1.</summary>
    public double Dropout(string key, double fallback)
    {
        double value = Number(key, fallback, 0, 1);
        return value < 1 ? DropoutRate ?? value : throw Fault($"'{key}' is 1: everything would be dropped");
    }

    public bool Flag(string key, bool fallback) => Value(key) is not { } node ? fallback
        : node is JsonValue value && value.TryGetValue(out bool flag) ? flag : throw Fault($"'{key}' is {Shorten(node)}; true or false was expected");

    public Activation Activation(string key, Activation fallback) => Text(key) switch
    {
        null => fallback,
        "gelu" => Models.Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => Models.Activation.GeluTanh,
        "relu" => Models.Activation.Relu,
        "silu" or "swish" => Models.Activation.Silu,
        "tanh" => Models.Activation.Tanh,
        { } other => throw Fault($"'{key}' is '{Shorten(other)}'; gelu, gelu_new, gelu_pytorch_tanh, relu, silu or tanh was expected"),
    };

    /// <summary>A list of words: a JSON array, or one string divided by |; empty where the key is missing.</summary>
    public IReadOnlyList<string> Words(string key) => Value(key) switch
    {
        null => [],
        JsonArray { Count: <= LargestList } list =>
            [.. list.Select(entry => entry is JsonValue value && value.TryGetValue(out string? text) ? text
                : throw Fault($"'{key}' holds an entry that is not a string"))],
        JsonValue value when value.TryGetValue(out string? text) => text.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        { } other => throw Fault($"'{key}' is {Shorten(other)}; a list of strings was expected"),
    };

    /// <summary>A list of so many numbers above 0.</summary>
    public IReadOnlyList<double> Numbers(string key, int count)
    {
        if (Value(key) is not JsonArray list || list.Count != count)
            throw Fault($"'{key}' is {(Value(key) is { } found ? Shorten(found) : "missing")}; a list of {count} numbers was expected");
        return [.. list.Select(entry => entry is JsonValue value && value.TryGetValue(out double number) && number is > 0 and < 1e6 ? number
            : throw Fault($"'{key}' holds an entry that is not a number above 0"))];
    }

    /// <summary>A list of so many whole numbers from 0 to a bound.</summary>
    public IReadOnlyList<int> Counts(string key, int count, int most)
    {
        if (Value(key) is not JsonArray list || list.Count != count)
        {
            throw Fault($"'{key}' is {(Value(key) is { } found ? Shorten(found) : "missing")}; a list of {count} numbers was expected");
        }
        return [.. list.Select(Number)];

        int Number(JsonNode? entry) => entry is JsonValue value && value.TryGetValue(out int number) && number >= 0 && number <= most
            ? number : throw Fault($"'{key}' holds an entry that is not a number from 0 to {most}");
    }

    /// <summary>An object inside the file, read by the same rules; null where the key is missing.</summary>
    public ConfigFile? Section(string key) => Value(key) switch
    {
        null => null,
        JsonObject section => new(FilePath, section) { DropoutRate = DropoutRate },
        { } other => throw Fault($"'{key}' is {Shorten(other)}; an object was expected"),
    };

    /// <summary>id2label: the names of the outputs by their numbers; where it is missing, label2id the other way round.</summary>
    public IReadOnlyDictionary<int, string> Labels()
    {
        var labels = new SortedDictionary<int, string>();
        if (Value("id2label") is not { } node)
        {
            foreach ((string name, int id) in OutputsByName())
            {
                if (!labels.TryAdd(id, name)) throw Fault($"'label2id' gives output {id} to '{Shorten(labels[id])}' and to '{Shorten(name)}'");
            }
            return labels;
        }
        foreach ((string key, JsonNode? name) in node as JsonObject ?? throw Fault("'id2label' is not an object"))
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id > LargestDimension)
                throw Fault($"'id2label' has the key '{Shorten(key)}'; a whole number was expected");
            if (labels.ContainsKey(id)) throw Fault($"'id2label' names output {id} twice");
            labels[id] = NameOf(name) ?? throw Fault($"the label of {id} in 'id2label' is neither a string nor a number");
        }
        return labels;
    }

    /// <summary>label2id: the numbers of the outputs by their names; empty where it is missing.</summary>
    public IReadOnlyDictionary<string, int> OutputsByName()
    {
        var outputs = new Dictionary<string, int>(StringComparer.Ordinal);
        if (Value("label2id") is not { } node) return outputs;
        foreach ((string name, JsonNode? id) in node as JsonObject ?? throw Fault("'label2id' is not an object"))
        {
            bool counts = id is JsonValue value && value.TryGetValue(out int number) && number is >= 0 and <= LargestDimension;
            outputs[name] = counts ? id!.GetValue<int>() : throw Fault($"'label2id' gives '{Shorten(name)}' no whole number from 0 on");
        }
        return outputs;
    }

    internal static string Shorten(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");

    // Labels that are numbers, true or false stand in some files as such.
    private static string? NameOf(JsonNode? name) => name is not JsonValue value ? null
        : value.TryGetValue(out string? text) ? text
        : value.GetValueKind() is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False ? value.ToJsonString() : null;

    private JsonNode? Value(string key) => Root.TryGetPropertyValue(key, out JsonNode? node) ? node : null;

    private static string Shorten(JsonNode node) => Shorten(node.ToJsonString());
}
