using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Models;

namespace FineTuning.Adapters;

/// <summary>LoRA and its kin: rank-stabilised, with magnitudes (DoRA), with other starts (PiSSA, OLoRA, MiCA).</summary>
/// <remarks>Hu et al. 2021, equation 3; Kalajdzievski 2023 (rsLoRA); Liu et al. 2024 (DoRA), equation 5; Meng et al. 2024 (PiSSA); Büyükakyüz 2024
/// (OLoRA).</remarks>
public sealed record LoraAdapter : Adapter
{
    /// <summary>Rows of A. Default 16.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The change is scaled by alpha over rank. Default 32.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>The change is scaled by alpha over the root of the rank.</summary>
    public bool IsRankStabilised { get; init; }

    /// <summary>DoRA: each output has a magnitude of its own.</summary>
    public bool HasMagnitudes { get; init; }

    /// <summary>Dropout of what enters the low-rank part, from 0 to below 1. Default 0.</summary>
    public double Dropout { get; init; }

    /// <summary>Which biases of the model train. Default none.</summary>
    public TrainedBiases Biases { get; init; }

    /// <summary>Whether B has a bias.</summary>
    public bool HasBias { get; init; }

    /// <summary>How A and B begin.</summary>
    public LoraStart Start { get; init; }

    /// <summary>Other ranks, by regular expressions over the ends of paths; the first that matches counts.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> RankPatterns { get; init => field = value ?? throw new ArgumentNullException(nameof(RankPatterns)); } = [];

    /// <summary>Other alphas, by regular expressions over the ends of paths; the first that matches counts.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPatterns
        { get; init => field = value ?? throw new ArgumentNullException(nameof(AlphaPatterns)); } = [];

    /// <summary>Ids of tokens whose embeddings train beside.</summary>
    public IReadOnlyList<int> TokenIds { get; init => field = value ?? throw new ArgumentNullException(nameof(TokenIds)); } = [];

    internal bool TiesOutput { get; init; }

    internal override string PeftType => "LORA";

    internal override TrainedBiases TrainedBiases => Biases;

    internal override IReadOnlyList<int> TrainedTokens => TokenIds;

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new LoraLinear(module, path, this, source);

    internal override TableMethod OnTable(EmbeddingTable table, string path, ParameterSource source) => new LoraTable(table, path, this, source);

    /// <summary>Rank and factor of a module.</summary>
    internal (int Rank, double Scale) Of(string path)
    {
        int rank = First(RankPatterns, path, Rank);
        double alpha = First(AlphaPatterns, path, Alpha);
        return (rank, alpha / (IsRankStabilised ? Math.Sqrt(rank) : rank));
    }

    internal override void CollectViolations(List<string> violations)
    {
        foreach (int rank in RankPatterns.Select(pair => pair.Value).Prepend(Rank))
        {
            if (rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {rank}; it is from 1 to 65536");
        }
        foreach (double alpha in AlphaPatterns.Select(pair => pair.Value).Prepend(Alpha))
        {
            if (!(alpha > 0) || !double.IsFinite(alpha)) violations.Add($"the adapter's alpha is {alpha.ToString(CultureInfo.InvariantCulture)}; it is " +
                $"above 0");
        }
        if (Dropout is not (>= 0 and < 1)) violations.Add($"the adapter's dropout is {Dropout.ToString(CultureInfo.InvariantCulture)}; it is from 0 to " +
            $"below 1");
        if (TokenIds.Any(id => id < 0)) violations.Add("ids of tokens are from 0 on");
        foreach (string pattern in RankPatterns.Select(pair => pair.Key).Concat(AlphaPatterns.Select(pair => pair.Key)))
        {
            if (ModulePattern.Fault(pattern) is { } fault) violations.Add($"the pattern '{(pattern.Length > 60 ? pattern[..60] : pattern)}' of ranks or " +
                $"alphas is no regular expression: {fault}");
        }
        if (HasMagnitudes && HasBias) violations.Add("DoRA has no bias in B");
        if (HasMagnitudes && Start is LoraStart.PrincipalComponents or LoraStart.Orthonormal) violations.Add("DoRA begins at zero: take another start, " +
            "or no magnitudes");
    }

    internal override void Write(JsonObject config)
    {
        config["r"] = Rank;
        config["lora_alpha"] = Number(Alpha);
        config["lora_dropout"] = Dropout;
        config["use_rslora"] = IsRankStabilised;
        config["use_dora"] = HasMagnitudes;
        config["lora_bias"] = HasBias;
        config["bias"] = Biases switch { TrainedBiases.All => "all", TrainedBiases.OfAdapted => "lora_only", _ => "none" };
        config["init_lora_weights"] = Start switch { LoraStart.PrincipalComponents => "pissa", LoraStart.Orthonormal =>
            "olora", LoraStart.MinorComponents => "mica", _ => true };
        config["rank_pattern"] = new JsonObject(RankPatterns.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        config["alpha_pattern"] = new JsonObject(AlphaPatterns.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)Number(pair.Value))));
        config["trainable_token_indices"] = TokenIds.Count == 0 ? null : new JsonArray([.. TokenIds.Select(id => (JsonNode)id)]);
        config["ensure_weight_tying"] = TiesOutput;
    }

    internal static LoraAdapter Read(ConfigFile config) => new()
    {
        Rank = config.Count("r", 8, most: 65536),
        Alpha = config.Number("lora_alpha", 8, 0, 1e9),
        Dropout = config.Dropout("lora_dropout", 0),
        IsRankStabilised = config.Flag("use_rslora", false),
        HasMagnitudes = config.Flag("use_dora", false),
        HasBias = config.Flag("lora_bias", false),
        TiesOutput = config.Flag("ensure_weight_tying", false),
        Biases = config.Text("bias") switch
        {
            null or "none" => TrainedBiases.None, "all" => TrainedBiases.All, "lora_only" => TrainedBiases.OfAdapted,
            { } other => throw config.Fault($"'bias' is '{ConfigFile.Shorten(other)}'; none, all or lora_only was expected"),
        },
        Start = AdapterConfig.StartOf(config),
        RankPatterns = [.. AdapterConfig.Patterns(config, "rank_pattern", 1, 65536).Select(pair => KeyValuePair.Create(pair.Key, (int)pair.Value))],
        AlphaPatterns = AdapterConfig.Patterns(config, "alpha_pattern", 0, 1e9),
        TokenIds = AdapterConfig.TokenIds(config, "trainable_token_indices"),
    };

    // PEFT writes whole numbers without a point.
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e15 ? (long)value : value;

    private static T First<T>(IReadOnlyList<KeyValuePair<string, T>> patterns, string path, T fallback)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (ModulePattern.Ending(pattern).Matches(path)) return value;
        }
        return fallback;
    }
}

/// <summary>How the low-rank part begins.</summary>
public enum LoraStart
{
    /// <summary>A is drawn, B is 0: the model begins unchanged.</summary>
    Zero,

    /// <summary>PiSSA: the largest singular values move from the matrix into A and B.</summary>
    PrincipalComponents,

    /// <summary>OLoRA: the first directions of a QR decomposition move from the matrix into A and B.</summary>
    Orthonormal,

    /// <summary>MiCA: B is the left singular vectors of the smallest singular values and stays, A begins at 0.</summary>
    MinorComponents,
}
