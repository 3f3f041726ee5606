using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Masks and positions of a pass through a stack, made once for all layers that see alike.</summary>
/// <param name="plan">The stack.</param>
/// <param name="bias">A bias by distance. Null: there is none.</param>
/// <param name="relative">Vectors of relative positions. Null: there are none.</param>
/// <param name="rotaries">The rotary plans of the layers, with their inverse wavelengths.</param>
internal sealed class StackPositions(StackPlan plan, RelativeBias? bias, DisentangledPositions? relative, IReadOnlyDictionary<RotaryPlan, float[]> rotaries)
{
    /// <param name="input">The batch.</param>
    /// <param name="positions">Positions of the tokens, [tokens] or [batch, tokens], int64.</param>
    /// <param name="memory">The encoder's states and their mask. Null: there are none.</param>
    /// <param name="texts">The texts of packed rows, where decoders may attend to them one by one. Null: rows attend.</param>
    /// <param name="first">The first layer that runs.</param>
    /// <param name="end">Behind the last layer that runs.</param>
    /// <returns>What each layer gets; null for layers that do not run.</returns>
    public AttentionInput?[] Prepare(
        TrunkInput input, Func<Tensor> positions, (Tensor States, Tensor? Mask)? memory, PackedTexts? texts, int first, int end)
    {
        var alike = new Dictionary<(bool, AttentionWindow?, RotaryPlan?, bool), AttentionInput>();
        var rotations = new Dictionary<RotaryPlan, Rotation>();
        AttentionMask? memoryMask = AttentionMask.OfPadding(memory?.Mask);
        var all = new AttentionInput?[plan.Layers.Count];
        for (int i = first; i < end; i++)
        {
            AttentionPlan layer = plan.Layers[i].Attention;
            (bool, AttentionWindow?, RotaryPlan?, bool) key = (layer.IsCausal, layer.Window, layer.Rotary, layer.Disentangled is not null);
            if (!alike.TryGetValue(key, out AttentionInput? made)) alike[key] = made = Make(layer);
            all[i] = input.Cache is null ? made : made with { Cache = input.Cache, Layer = i };
        }
        return all;

        AttentionInput Make(AttentionPlan layer)
        {
            (long tokens, Device device) = (input.Tokens, input.Ids.device);
            if (layer.Disentangled is not null)
            {
                return new() { Real = input.Mask, Mask = AttentionMask.OfPairs(input.Mask), Relative = relative?.Of(tokens, device) };
            }
            if (texts is not null && layer.IsCausal && bias is null && input.Past == 0)
            {
                return new() { Texts = texts, Mask = Behind(layer, texts.Longest, device), Rotation = layer.Rotary is null ? null : RotationOf(layer.Rotary) };
            }
            AttentionMask? mask = MaskOf(layer, input);
            Tensor? added = bias?.Of(tokens, input.Past, device);
            // Padding that sees nothing attends evenly with a finite bias, as in the reference; a mask would leave the kernel to choose.
            if (added is null && mask is not null && MayBeEmpty(layer, input)) added = mask.Added();
            else if (added is not null && mask is not null) added = added.Plus(mask.Added());
            return new()
            {
                Real = input.OwnMask, Mask = mask, Bias = added, Rotation = layer.Rotary is null ? null : RotationOf(layer.Rotary),
                    Memory = memory?.States, MemoryMask = memoryMask,
            };
        }

        Rotation RotationOf(RotaryPlan rotary)
        {
            if (rotations.TryGetValue(rotary, out Rotation? made)) return made;
            float[] plain = rotaries[rotary];
            long farthest = rotary.Scaling is { DependsOnLength: true } ? (long)positions().max().Number() + 1 : 0;
            float[] frequencies = rotary.Scaling is null ? plain : rotary.Scaling.Frequencies(plain, rotary, farthest);
            return rotations[rotary] = Rotation.At(tensor(frequencies, ScalarType.Float32, input.Ids.device), positions(),
                rotary.Scaling?.Factor ?? 1, rotary.Interleaved);
        }
    }

    public static StackPositions Make(WeightBuilder builder, StackPlan plan, int width)
    {
        RelativeBias? bias = plan.RelativeBias is null ? null : RelativeBias.Make(builder, plan.RelativeBias, plan.Prefix, plan.Layers[0].Attention.QueryHeads);
        DisentangledPlan? disentangled = plan.Layers.Select(layer => layer.Attention.Disentangled).FirstOrDefault(own => own is { Span: > 0 });
        DisentangledPositions? relative = disentangled is null ? null : DisentangledPositions.Make(builder, disentangled, plan.Prefix, width);
        var rotaries = new Dictionary<RotaryPlan, float[]>();
        using var scope = NewDisposeScope();
        foreach (RotaryPlan rotary in plan.Layers.Select(layer => layer.Attention.Rotary).OfType<RotaryPlan>())
        {
            if (!rotaries.ContainsKey(rotary)) rotaries[rotary] = [.. Rotation.Frequencies(rotary.Width, rotary.Base, CPU).data<float>()];
        }
        return new(plan, bias, relative, rotaries);
    }

    // Texts that stand alone: each token sees those before it, what stands behind the end of a text is not seen anyway.
    private static AttentionMask? Behind(AttentionPlan layer, long tokens, Device device) => AttentionMask.And(
        AttentionMask.Causal(tokens, 0, device),
        layer.Window is { } window ? AttentionMask.Window(tokens, 0, window with { After = (int)tokens }, device) : null);

    private static AttentionMask? MaskOf(AttentionPlan layer, TrunkInput input)
    {
        (long tokens, long past, Device device) = (input.Tokens, input.Past, input.Ids.device);
        AttentionMask? mask = layer.IsCausal ? AttentionMask.Causal(tokens, past, device) : null;
        // A window that leaves nothing out of what is seen anyway is none, and of one token the cache keeps no more than it sees.
        bool isKept = layer.IsCausal && tokens == 1 && input.Cache is DecodingCache { Forgets: true };
        if (layer.Window is { } window && !isKept)
            mask = AttentionMask.And(mask, AttentionMask.Window(tokens, past, layer.IsCausal ? window with { After = (int)tokens } : window, device));
        if (input.Segments is not null) mask = AttentionMask.And(mask, AttentionMask.SameSegment(input.Segments));
        // What follows a token needs no mask where it is not seen anyway.
        bool behind = layer.IsCausal && input.PadsRight && past == 0;
        if (input.Mask is null || behind) return mask;
        AttentionMask padding = AttentionMask.OfPadding(Whole(input.Mask, tokens, past))!;
        AttentionMask both = AttentionMask.And(mask, padding)!;
        return layer.IsCausal || input.Segments is not null ? both.WithItself(tokens, past) : both;
    }

    // Whether all that some padding would see is padding too; known without a look at the batch where its lengths were counted.
    private static bool MayBeEmpty(AttentionPlan layer, TrunkInput input) =>
        layer is { IsCausal: false, Window: { } window } && input is { Mask: not null, Segments: null }
            && !(input.PadsRight && input.Tokens - input.Shortest <= window.Before);

    // A mask of the tokens alone: what is in the cache is real.
    private static Tensor Whole(Tensor mask, long tokens, long past) =>
        past == 0 || mask.shape[1] == tokens + past ? mask : cat([ones([mask.shape[0], past], ScalarType.Bool, mask.device), mask], 1);
}

/// <summary>A bias for each head and bucket of distances, computed once a pass and added in every layer.</summary>
/// <param name="table">[rows, heads]</param>
/// <param name="plan">The buckets.</param>
internal sealed class RelativeBias(Weight table, RelativeBiasPlan plan)
{
    /// <returns>[1, heads, tokens, past + tokens]</returns>
    public Tensor Of(long tokens, long past, Device device)
    {
        Tensor buckets = RelativeBuckets.OfBias(past, tokens, plan.Buckets, plan.Farthest, plan.BothSides, device);
        return Kernels.Embedding(table.Value, buckets).permute(2, 0, 1).unsqueeze(0);
    }

    public static RelativeBias Make(WeightBuilder builder, RelativeBiasPlan plan, string prefix, int heads) =>
        new(builder.Make(prefix + "relative.weight", WeightKind.Embedding, 0, plan.Rows, heads), plan);
}
