using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Prefix tuning (Li and Liang 2021): keys and values that stand before those of every layer, of a decoder where there is one.</summary>
/// <remarks>One with a projection that was loaded trains on without it.</remarks>
public sealed record PrefixAdapter : LeadingAdapter
{
    /// <summary>The width of a network that makes keys and values while training (section 4.3), from 1 to 65536. Null: there is none.</summary>
    public int? ProjectionSize { get; init; }

    internal override string PeftType => "PREFIX_TUNING";

    internal override Adapter For(OutputHead head)
    {
        var own = (PrefixAdapter)base.For(head);
        StackPlan stack = head.Trunk.Plan.Top;
        AttentionPlan first = stack.Layers[0].Attention;
        string? fault = stack.Layers.Any(layer => layer.Attention.Disentangled is not null) ? "its attention reads positions that a prefix has not"
            : stack.Layers.Any(layer => layer.Attention.KeyHeads != first.KeyHeads || layer.Attention.Width != first.Width) ? "its layers have unlike keys"
            : stack.Layers.Count > own.Shape!.Layers ? "its decoder has more layers than its encoder, for which PEFT's file has no room" : null;
        if (fault is not null) throw new InvalidOptionsException([$"prefix tuning is not for models of the kind '{head.Trunk.Plan.ModelType}': {fault}; " +
            $"take prompt tuning (Adapter.Prompt) or LoRA"]);
        return own with { Shape = own.Shape! with { Width = first.KeyHeads * first.Width, Heads = first.KeyHeads } };
    }

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (ProjectionSize is < 1 or > 65536) violations.Add($"the width of the prefix's network is {ProjectionSize}; it is from 1 to 65536");
    }

    internal override LearnedPrompt OnTrunk(OutputHead head, ParameterSource source)
    {
        int entries = 2 * Shape!.Layers, decoderLayers = head.Trunk.Plan.Top.Layers.Count;
        long numbers = (long)entries * Shape.Width;
        // Of an encoder-decoder PEFT reads four entries a layer, the first two for what the decoder reads of itself, and begins again behind the last.
        bool isDouble = head.Trunk.Plan is { Encoder: not null, Decoder: not null };
        (int, int)[] layers = [.. Enumerable.Range(0, decoderLayers).Select(layer =>
            isDouble ? (4 * layer % entries, ((4 * layer) + 1) % entries) : (2 * layer, (2 * layer) + 1))];
        (long, long) heads = (Shape.Heads, Shape.Width / Shape.Heads);
        if (source.IsFresh && ProjectionSize is { } hidden)
        {
            Weight embedding = source.MakeUnsaved("prompt_encoder.embedding.weight", () => randn([TokenCount, Shape.Width], generator: source.Generator));
            var project = PromptLayers.Make(source, "prompt_encoder.transform", value => value.tanh(), Shape.Width, hidden, numbers);
            source.SavePrompt(() => project(embedding.Value, ForwardContext.Evaluation()));
            return new(TokenCount, context => project(embedding.Value, context), layers, heads);
        }
        Weight made = source.MakePrompt([TokenCount, numbers], () => randn([TokenCount, numbers], generator: source.Generator));
        return new(TokenCount, _ => made.Value, layers, heads);
    }

    internal override void Write(JsonObject config)
    {
        base.Write(config);
        config["prefix_projection"] = ProjectionSize is not null;
        config["encoder_hidden_size"] = ProjectionSize ?? Shape?.Width;
    }

    internal static PrefixAdapter Read(ConfigFile config) => Read(config, new PrefixAdapter
    {
        ProjectionSize = config.Flag("prefix_projection", false) ? config.Count("encoder_hidden_size", 512, most: 65536) : null,
    });
}
