using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What runs through a stack in addition to the states that enter it.</summary>
/// <param name="Input">The batch.</param>
/// <param name="Memory">The encoder's states and their mask. Null: there are none.</param>
/// <param name="Wanted">The tokens whose last states are needed. Null: all.</param>
/// <param name="First">The first layer that runs.</param>
/// <param name="End">Behind the last layer that runs.</param>
/// <param name="States">Gets the states before the first layer and after each. Null: they are not kept.</param>
internal sealed record StackPass(TrunkInput Input, (Tensor States, Tensor? Mask)? Memory, Wanted? Wanted, int First, int End, List<Tensor>? States);

/// <summary>Embeddings, positions and layers, composed as the plan says.</summary>
internal sealed class Stack
{
    private const int EmbeddingsKey = 1 << 19;

    private readonly StackPlan _plan;
    private readonly TokenEmbeddings _embeddings;
    private readonly StackPositions _positions;
    private readonly (ILayer[] Layers, int Depth)[] _steps;
    private readonly INorm? _norm;
    private readonly int _below;

    private Stack(StackPlan plan, TokenEmbeddings embeddings, StackPositions positions, (ILayer[] Layers, int Depth)[] steps, INorm? norm, int below) =>
        (_plan, _embeddings, _positions, _steps, _norm, _below) = (plan, embeddings, positions, steps, norm, below);

    /// <summary>How many layers there are.</summary>
    public int Count => _steps.Length;

    /// <summary>The depths of the weights of the lowest layers, the embeddings' among them.</summary>
    public IEnumerable<int> Depths(int layers) => _steps.Take(layers).Select(step => step.Depth).Prepend(0);

    /// <summary>How many layers from the lowest up do not train, nor the embeddings; 0 where what they give depends on who else is in the batch.</summary>
    /// <param name="weights">Tells what trains.</param>
    public int FrozenCount(WeightSet weights)
    {
        if (!weights.IsFrozen(0)) return 0;
        int count = 0;
        while (count < Count && weights.IsFrozen(_steps[count].Depth)) count++;
        return _plan.Layers.Take(count).Any(layer => layer.Attention.Rotary is { Scaling.DependsOnLength: true }) ? 0 : count;
    }

    /// <param name="pass">What runs.</param>
    /// <param name="context">The pass.</param>
    /// <param name="weights">Tells what does not train and so drops nothing.</param>
    /// <returns>[batch, tokens, hidden], or what is wanted of it</returns>
    public Tensor Forward(StackPass pass, ForwardContext context, WeightSet weights)
    {
        TrunkInput input = pass.Input;
        ForwardContext Of(int key, int depth) => context.IsTraining ? context.Layer(key, !weights.IsFrozen(depth)) : context;
        Tensor hidden = pass.First > 0 || input.States is not null
            ? input.States ?? throw new ArgumentException($"a pass that begins at layer {pass.First} needs the states that enter it (States)", nameof(pass))
            : Embed(input, Of(EmbeddingsKey + _below, 0));
        pass.States?.Add(hidden);
        Tensor? positions = null;
        PackedTexts? texts = pass.Wanted is { IsOneToken: true } ? null : input.Texts;
        AttentionInput?[] inputs = _positions.Prepare(
            input, () => positions ??= _embeddings.PositionsOf(input), pass.Memory, texts, pass.First, pass.End);
        for (int i = pass.First; i < pass.End; i++)
        {
            (int number, int depth, AttentionInput around, Tensor entered) = (i, _steps[i].Depth, inputs[i]!, hidden);
            ForwardContext own = Of(_below + i + 1, depth);
            IReadOnlyList<Tensor> read = [entered, .. around.Differentiable()];
            // Where nothing trains, here and below, nothing is kept anyway; a cache would be written twice.
            bool again = own.Recomputed?.Contains(depth) == true && input.Cache is null && is_grad_enabled()
                && (!weights.IsFrozen(depth) || read.Any(tensor => tensor.requires_grad));
            if (again) own.Recomputed!.Add();
            hidden = again
                ? Recomputation.Of(given => Step(pass, number, given[0], around.WithDifferentiable([.. given.Skip(1)]), own.Again().Inside()), read)
                : Step(pass, number, entered, around, own.Inside());
            // Made here and read by nobody else.
            if (pass.States is null && i > pass.First && !ReferenceEquals(entered, hidden)) entered.Dispose();
            pass.States?.Add(hidden);
        }
        if (pass.First == pass.End && pass.Wanted is not null) hidden = pass.Wanted.Of(hidden);
        input.Cache?.Advance(input.Tokens);
        return hidden;
    }

    /// <param name="builder">Gives the weights.</param>
    /// <param name="trunk">The whole plan.</param>
    /// <param name="plan">The stack's part of it.</param>
    /// <param name="tokens">The table of tokens, which stacks share.</param>
    /// <param name="below">Layers of the stack before it.</param>
    public static Stack Make(WeightBuilder builder, TrunkPlan trunk, StackPlan plan, EmbeddingTable tokens, int below)
    {
        TokenEmbeddings embeddings = TokenEmbeddings.Make(builder, trunk, plan.Prefix, tokens);
        StackPositions positions = StackPositions.Make(builder, plan, trunk.HiddenSize);
        (ILayer[] Layers, int Depth)[] steps = plan.Sharing is { } sharing ? MakeShared(builder, plan, trunk.HiddenSize, sharing)
            : MakeEach(builder, plan, trunk.HiddenSize, below);
        INorm? norm = Norms.Make(builder, plan.Norm, plan.Prefix + "norm", below + plan.Layers.Count, trunk.HiddenSize);
        return new(plan, embeddings, positions, steps, norm, below);
    }

    // One step of the stack: a layer, or those of a group that shares its weights; each in a scope of its own.
    private Tensor Step(StackPass pass, int number, Tensor hidden, AttentionInput around, ForwardContext own)
    {
        ILayer[] layers = _steps[number].Layers;
        for (int j = 0; j < layers.Length; j++)
        {
            (Tensor entered, ILayer layer, bool isTop) = (hidden, layers[j], j == layers.Length - 1);
            (Wanted? wanted, ForwardContext inner) = (isTop && number == pass.End - 1 ? pass.Wanted : null, j == 0 ? own : own.Layer(j));
            bool isHighest = isTop && number == Count - 1;
            hidden = DisposeScopes.Within(() =>
            {
                Tensor left = layer.Forward(entered, around, wanted, inner);
                return isHighest ? Finish(left, own) : left;
            });
            if (j > 0 && !ReferenceEquals(entered, hidden)) entered.Dispose();
        }
        return hidden;
    }

    // What observes the embeddings may hold on to what it is shown.
    private Tensor Embed(TrunkInput input, ForwardContext context) => context is { Embedded: null, Normalized: null }
        ? DisposeScopes.Within(() => _embeddings.Forward(input, context.Inside())) : _embeddings.Forward(input, context);

    private Tensor Finish(Tensor hidden, ForwardContext context)
    {
        if (_norm is null) return hidden;
        return context.Dropout(_norm.Forward(hidden, context.IsDecoding), _plan.Dropout, DropoutSite.FinalNorm);
    }

    private static (ILayer[] Layers, int Depth)[] MakeEach(WeightBuilder builder, StackPlan plan, int width, int below) =>
        [.. plan.Layers.Select((layer, i) =>
            (new[] { TransformerLayer.Make(builder, layer, $"{plan.Prefix}layers.{i}", below + i + 1, width) }, below + i + 1))];

    // A shared weight stands at the depth of the highest layer that it serves: it is frozen only with that one.
    private static (ILayer[] Layers, int Depth)[] MakeShared(WeightBuilder builder, StackPlan plan, int width, SharingPlan sharing)
    {
        int[] group = [.. Enumerable.Range(0, plan.Layers.Count).Select(layer => (int)((long)layer * sharing.Groups / plan.Layers.Count))];
        var groups = new (ILayer[] Layers, int Depth)[sharing.Groups];
        for (int g = 0; g < groups.Length; g++)
        {
            int depth = Array.LastIndexOf(group, g) + 1;
            var layers = new ILayer[sharing.LayersInGroup];
            for (int j = 0; j < layers.Length; j++) layers[j] = TransformerLayer.Make(builder, plan.Layers[0], $"groups.{g}.layers.{j}", depth, width);
            groups[g] = (layers, depth);
        }
        return [.. group.Select(g => groups[g])];
    }
}
