using System.Text.Json.Nodes;
using FineTuning.Models;

namespace FineTuning.Adapters;

/// <summary>BitFit (Ben Zaken et al. 2022): every bias of the model trains, and nothing else. It has no form in a file of PEFT: merge it and save the
/// model.</summary>
public sealed record BiasAdapter : Adapter
{
    internal override string? PeftType => null;

    internal override bool TrainsHead => false;

    internal override bool HasTargets => false;

    internal override bool NeedsModule => false;

    internal override TrainedBiases TrainedBiases => TrainedBiases.All;

    internal override void Write(JsonObject config)
    {
    }
}

/// <summary>Norm tuning (Zhao et al. 2023): gains and offsets of norms train whole, and the head of a task.</summary>
public sealed record NormAdapter : Adapter
{
    internal override string PeftType => "LN_TUNING";

    internal override bool NeedsModule => false;

    internal override IReadOnlyList<string> DefaultsFor(string modelType, IEnumerable<string> norms) => [.. norms];

    internal override string? KeyOfWhole(string parameter, WeightKind kind, bool isNorm, bool isAdapted)
    {
        if (!isNorm || !isAdapted) return null;
        int dot = parameter.LastIndexOf('.');
        return $"{ParameterSource.Prefix}{parameter[..dot]}.ln_tuning_layers{parameter[dot..]}";
    }

    internal override void Write(JsonObject config)
    {
    }
}

/// <summary>Rows of the token embeddings train: they are replaced, not added to. Where the output layer is tied, it uses them too.</summary>
public sealed record TokenAdapter : Adapter
{
    /// <summary>The ids of the tokens.</summary>
    public IReadOnlyList<int> TokenIds { get; init => field = value ?? throw new ArgumentNullException(nameof(TokenIds)); } = [];

    internal override string PeftType => "TRAINABLE_TOKENS";

    internal override bool NeedsModule => false;

    internal override IReadOnlyList<string> DefaultsFor(string modelType, IEnumerable<string> norms) => [];

    internal override string TokenSuffix => "trainable_tokens_delta";

    internal override IReadOnlyList<int> TrainedTokens => TokenIds;

    internal override void CollectViolations(List<string> violations)
    {
        if (TokenIds.Count == 0) violations.Add("no token is named whose embedding is to train");
        if (TokenIds.Any(id => id < 0)) violations.Add("ids of tokens are from 0 on");
    }

    internal override void Write(JsonObject config) => config["token_indices"] = new JsonArray([.. TokenIds.Select(id => (JsonNode)id)]);

    internal static TokenAdapter Read(ConfigFile config) => new() { TokenIds = AdapterConfig.TokenIds(config, "token_indices") };
}
