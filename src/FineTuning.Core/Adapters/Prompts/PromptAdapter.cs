using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>An adapter that changes no module: what it learned stands before every text. It cannot be merged.</summary>
/// <remarks>It has no targets.</remarks>
public abstract record LeadingAdapter : Adapter
{
    private const int MostTokens = 16384;

    private protected LeadingAdapter()
    {
    }

    /// <summary>How many positions it takes before a text, from 1 to 16384. Default 20.</summary>
    public int TokenCount { get; init; } = 20;

    /// <summary>What PEFT writes of the model; null: it is on none.</summary>
    internal LeadingShape? Shape { get; init; }

    internal override string FilePrefix => "base_model.";

    internal override bool HasTargets => false;

    internal override string Unmergeable => "what it learned stands before the text and is no change of a weight";

    internal override Adapter For(OutputHead head) => this with { Shape = LeadingShape.Of(head, Shape?.Submodules) };

    internal override void CollectViolations(List<string> violations)
    {
        if (TokenCount is < 1 or > MostTokens) violations.Add($"the adapter has {TokenCount} learned tokens; it has from 1 to {MostTokens}");
    }

    internal override void Write(JsonObject config)
    {
        config["num_virtual_tokens"] = TokenCount;
        if (Shape is not { } shape) return;
        config["token_dim"] = shape.Width;
        config["num_layers"] = shape.Layers;
        config["num_attention_heads"] = shape.Heads;
        config["num_transformer_submodules"] = shape.Submodules;
    }

    /// <summary>What all of them have in a file.</summary>
    internal static TAdapter Read<TAdapter>(ConfigFile config, TAdapter adapter)
        where TAdapter : LeadingAdapter => adapter with
        {
            TokenCount = config.Count("num_virtual_tokens", null, most: MostTokens),
            Shape = config.Has("num_transformer_submodules") ? new(0, 0, 0, config.Count("num_transformer_submodules", 1, most: 2)) : null,
        };
}

/// <summary>What PEFT writes of a model beside a learned prompt.</summary>
/// <param name="Width">Numbers of a token: an embedding's, or those of the keys of a layer.</param>
/// <param name="Layers">Layers.</param>
/// <param name="Heads">Heads.</param>
/// <param name="Submodules">2 for an encoder-decoder that generates: PEFT keeps the vectors twice and uses the first.</param>
internal sealed record LeadingShape(int Width, int Layers, int Heads, int Submodules)
{
    public static LeadingShape Of(OutputHead head, int? submodules)
    {
        TrunkPlan plan = head.Trunk.Plan;
        StackPlan lower = plan.Encoder ?? plan.Decoder!;
        return new(plan.EmbeddingSize, lower.Layers.Count, lower.Layers[0].Attention.QueryHeads, submodules is > 0 and { } known ? known
            : head.Kind == HeadKind.SequenceToSequence ? 2 : 1);
    }
}

/// <summary>Prompt tuning (Lester et al. 2021): vectors that stand before the embeddings of every text.</summary>
public sealed record PromptAdapter : LeadingAdapter
{
    /// <summary>How the vectors begin. Default: as embeddings of drawn tokens, which learn best (Lester et al. 2021, section 3.2).</summary>
    public PromptStart Start { get; init; }

    internal override string PeftType => "PROMPT_TUNING";

    internal override LearnedPrompt OnTrunk(OutputHead head, ParameterSource source)
    {
        (long count, Tensor table) = (TokenCount * Shape!.Submodules, head.Trunk.TokenTable.Weight.Value);
        Weight vectors = source.MakePrompt([count, Shape.Width], () => Start == PromptStart.Normal
            ? randn([count, Shape.Width], generator: source.Generator)
            : table.detach().index_select(0, randint(table.shape[0], [count], dtype: ScalarType.Int64, generator: source.Generator).to(table.device)));
        return new(TokenCount, _ => vectors.Value);
    }

    internal override void Write(JsonObject config)
    {
        base.Write(config);
        config["prompt_tuning_init"] = Start == PromptStart.Normal ? "RANDOM" : "SAMPLE_VOCAB";
    }

    internal static PromptAdapter Read(ConfigFile config) => Read(config, new PromptAdapter
    {
        // A text's embeddings only say how it began.
        Start = config.Text("prompt_tuning_init") switch
        {
            "SAMPLE_VOCAB" => PromptStart.Vocabulary, null or "RANDOM" or "TEXT" => PromptStart.Normal,
            { } other => throw config.Fault($"'prompt_tuning_init' is '{ConfigFile.Shorten(other)}'; RANDOM, TEXT or SAMPLE_VOCAB was expected"),
        },
    });
}

/// <summary>How the vectors of a learned prompt begin.</summary>
public enum PromptStart
{
    /// <summary>As embeddings of tokens that are drawn.</summary>
    Vocabulary,

    /// <summary>Drawn from the standard normal distribution, as PEFT does where nothing is said.</summary>
    Normal,
}
