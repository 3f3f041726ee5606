using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Adapters;

/// <summary>adapter_config.json: what a file says of a method, read strictly, and written as PEFT reads it.</summary>
internal static class AdapterConfig
{
    public const string FileName = "adapter_config.json";
    private const long LargestFile = 4 << 20;
    private const int LargestList = 65536;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Dictionary<string, Func<ConfigFile, Adapter>> Kinds = new(StringComparer.Ordinal)
    {
        ["LORA"] = LoraAdapter.Read, ["IA3"] = ScalingAdapter.Read, ["LN_TUNING"] = _ => new NormAdapter(), ["TRAINABLE_TOKENS"] = TokenAdapter.Read,
        ["ADALORA"] = AdaptiveLoraAdapter.Read, ["VERA"] = VeraAdapter.Read, ["LOHA"] = HadamardAdapter.Read, ["LOKR"] = KroneckerAdapter.Read,
        ["OFT"] = OrthogonalAdapter.Read, ["BOFT"] = ButterflyAdapter.Read, ["HRA"] = ReflectionAdapter.Read, ["PROMPT_TUNING"] = PromptAdapter.Read,
        ["P_TUNING"] = EncodedPromptAdapter.Read, ["PREFIX_TUNING"] = PrefixAdapter.Read,
    };

    // What changes the computation and is not supported: refused, never ignored.
    private static readonly string[] Refused =
    [
        "alora_invocation_tokens", "layer_replication", "target_parameters", "arrow_config", "kasa_config", "velora_config", "monteclora_config",
            "use_bdlora", "use_qalora", "megatron_config",
        "trainable_token_indices_by_module",
    ];

    /// <exception cref="CheckpointException">The file is missing, damaged, or of a method that is not supported.</exception>
    public static Adapter Read(string folder) => Of(ConfigFile.ReadFile(Path.Combine(folder, FileName), LargestFile));

    /// <summary>The text of a recipe's adapter.</summary>
    public static Adapter Parse(string json) => Of(ConfigFile.Parse("the recipe's adapter", json));

    /// <summary>The text of the file.</summary>
    public static string Write(Adapter adapter, string? taskType)
    {
        var config = new JsonObject { ["peft_type"] = adapter.PeftType, ["task_type"] = taskType, ["inference_mode"] = true,
            ["base_model_name_or_path"] = null };
        ModuleTargets targets = adapter.Targets;
        config["target_modules"] = targets.IsAllLinear ? "all-linear" : targets.Pattern is { } pattern ? pattern : targets.Names is { } names ? List(names)
            : null;
        config["exclude_modules"] = targets.ExcludedPattern is { } excluded ? excluded : targets.Excluded.Count > 0 ? List(targets.Excluded) : null;
        config["layers_to_transform"] = targets.LayerNumbers is { } numbers ? new JsonArray([.. numbers.Select(number => (JsonNode)number)]) : null;
        config["layers_pattern"] = targets.LayerNames.Count > 0 ? List(targets.LayerNames) : null;
        config["modules_to_save"] = adapter.ModulesToSave.Count > 0 ? List(adapter.ModulesToSave) : null;
        adapter.Write(config);
        // What says nothing is left out: not every method of PEFT knows every key.
        foreach (string key in config.Where(pair => pair.Value is null).Select(pair => pair.Key).ToArray()) config.Remove(key);
        return config.ToJsonString(Indented) + "\n";
    }

    /// <summary>A pattern of numbers by regular expressions, in the file's order.</summary>
    public static IReadOnlyList<KeyValuePair<string, double>> Patterns(ConfigFile config, string key, double least, double most)
    {
        if (config.Section(key) is not { } section) return [];
        if (section.Root.Count > LargestList) throw config.Fault($"'{key}' has {section.Root.Count} entries; {LargestList} are allowed");
        return [.. section.Root.Select(pair => KeyValuePair.Create(pair.Key, section.Number(pair.Key, least, least, most)))];
    }

    /// <summary>A list of ids of tokens.</summary>
    public static IReadOnlyList<int> TokenIds(ConfigFile config, string key) => config.Root[key] is JsonObject ?
        throw config.Fault($"'{key}' names several modules, which is not supported; a list of ids was expected")
        : Numbers(config, key) ?? [];

    /// <summary>How LoRA begins; what a file of a trained adapter says of its start matters only where the start changes the base.</summary>
    public static LoraStart StartOf(ConfigFile config)
    {
        JsonNode? node = config.Root["init_lora_weights"];
        if (node is null || node.GetValueKind() is JsonValueKind.True or JsonValueKind.False) return LoraStart.Zero;
        string text = config.Text("init_lora_weights")!;
        return text switch
        {
            "pissa" => LoraStart.PrincipalComponents,
            "olora" => LoraStart.Orthonormal,
            "mica" => LoraStart.MinorComponents,
            "gaussian" or "eva" or "orthogonal" => LoraStart.Zero,
            _ => throw config.Fault($"'init_lora_weights' is '{ConfigFile.Shorten(text)}', a start that changes the base in a way that is not supported; " +
                $"convert the adapter to plain LoRA where it was made"),
        };
    }

    private static Adapter Of(ConfigFile config)
    {
        string type = config.Text("peft_type") ?? throw config.Fault("'peft_type' is missing");
        if (!Kinds.TryGetValue(type, out Func<ConfigFile, Adapter>? read))
            throw config.Fault($"'peft_type' is '{ConfigFile.Shorten(type)}', which is not supported; one of " +
                $"{string.Join(", ", Kinds.Keys.Order(StringComparer.Ordinal))} was expected");
        foreach (string key in Refused)
        {
            if (config.Root[key] is { } node && node.GetValueKind() is not (JsonValueKind.Null or JsonValueKind.False))
                throw config.Fault($"'{key}' is set, which is not supported");
        }
        (string? pattern, IReadOnlyList<string>? names) = Modules(config, "target_modules");
        (string? excludedPattern, IReadOnlyList<string>? excluded) = Modules(config, "exclude_modules");
        bool allLinear = pattern == "all-linear";
        Adapter adapter = read(config) with
        {
            Targets = new()
            {
                IsAllLinear = allLinear, Pattern = allLinear ? null : pattern, Names = names, Excluded = excluded ?? [], ExcludedPattern = excludedPattern,
                LayerNumbers = names is null ? null : Numbers(config, "layers_to_transform"), LayerNames = config.Words("layers_pattern"),
            },
            ModulesToSave = [.. config.Words("modules_to_save").Concat(HeadNames(config.Text("task_type"))).Distinct(StringComparer.Ordinal)],
        };
        var violations = new List<string>();
        adapter.Targets.CollectViolations(violations);
        adapter.CollectViolations(violations);
        return violations.Count == 0 ? adapter : throw config.Fault(string.Join("; ", violations));
    }

    private static string[] HeadNames(string? task) => task switch { "SEQ_CLS" or "TOKEN_CLS" => ["classifier", "score"], "QUESTION_ANS" =>
        ["qa_outputs"], _ => [] };

    // A string is a pattern, a list are names.
    private static (string? Pattern, IReadOnlyList<string>? Names) Modules(ConfigFile config, string key) => config.Root[key] switch
    {
        null => (null, null),
        JsonArray => (null, config.Words(key)),
        _ => (config.Text(key), null),
    };

    private static IReadOnlyList<int>? Numbers(ConfigFile config, string key) => config.Root[key] switch
    {
        null => null,
        JsonArray { Count: <= LargestList } list => [.. list.Select(node => Number(config, key, node))],
        { } node => [Number(config, key, node)],
    };

    private static int Number(ConfigFile config, string key, JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out int number) && number is >= 0 and < 1 << 24 ? number :
            throw config.Fault($"'{key}' holds something that is no whole number from 0 on");

    private static JsonArray List(IEnumerable<string> words) => [.. words.Select(word => (JsonNode)word)];
}
