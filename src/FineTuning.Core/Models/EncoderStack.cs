using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>An encoder without its head: embeddings, positions and layers, composed as the spec says.</summary>
internal sealed class EncoderStack
{
    private readonly TokenEmbeddings _embeddings;
    private readonly PositionScheme _positions;
    private readonly (IEncoderLayer[] Layers, int Depth)[] _steps;
    private readonly INorm? _norm;

    private EncoderStack(TokenEmbeddings embeddings, PositionScheme positions, (IEncoderLayer[] Layers, int Depth)[] steps, INorm? norm) =>
        (_embeddings, _positions, _steps, _norm) = (embeddings, positions, steps, norm);

    public Weight Tokens => _embeddings.Tokens;

    /// <param name="input">The batch.</param>
    /// <param name="firstOnly">Whether only the first token's state is needed.</param>
    /// <param name="states">Gets the states before the first layer and after each; null: they are not kept.</param>
    /// <param name="pass">The pass at a depth.</param>
    /// <param name="places">Places in the flattened batch whose states alone are needed, [places], int64; null: all.</param>
    /// <returns>[batch, tokens, hidden], [batch, 1, hidden] where only the first is needed, or [places, hidden]</returns>
    public Tensor Forward(EncoderInput input, bool firstOnly, List<Tensor>? states, Func<int, ForwardContext> pass, Tensor? places = null)
    {
        Tensor hidden = _embeddings.Forward(input, pass(0));
        states?.Add(hidden);
        AttentionInput[] positions = _positions.Prepare(input, _steps.Length);
        for (int i = 0; i < _steps.Length; i++)
        {
            (IEncoderLayer[] layers, int depth) = _steps[i];
            bool last = i == _steps.Length - 1;
            ForwardContext context = pass(depth);
            for (int j = 0; j < layers.Length; j++)
            {
                bool ends = last && j == layers.Length - 1;
                hidden = ends && places is not null ? layers[j].ForwardAt(hidden, positions[i], places, context) : layers[j].Forward(hidden, positions[i], firstOnly && ends, context);
            }
            if (last && _norm is not null) hidden = _norm.Forward(hidden);
            states?.Add(hidden);
        }
        return hidden;
    }

    public static EncoderStack Make(WeightBuilder builder, ModelSpec spec)
    {
        TokenEmbeddings embeddings = TokenEmbeddings.Make(builder, spec);
        PositionScheme positions = PositionScheme.Make(builder, spec);
        (IEncoderLayer[] Layers, int Depth)[] steps = spec.Sharing is { } sharing ? MakeShared(builder, spec, sharing) : MakeEach(builder, spec);
        INorm? norm = spec.Layer.Norms == NormPlacement.BeforeBranch
            ? LayerNorm.Make(builder, "norm", spec.LayerCount, spec.HiddenSize, spec.NormEpsilon, spec.Layer.NormBias)
            : null;
        return new(embeddings, positions, steps, norm);
    }

    private static (IEncoderLayer[] Layers, int Depth)[] MakeEach(WeightBuilder builder, ModelSpec spec)
    {
        var steps = new (IEncoderLayer[] Layers, int Depth)[spec.LayerCount];
        for (int i = 0; i < steps.Length; i++)
        {
            IEncoderLayer layer = EncoderLayer.Make(builder, $"layers.{i}", i + 1, spec, i == 0);
            if (i == 0 && spec.Convolution is { } plan) layer = ConvolutionLayer.Make(builder, layer, 1, plan, spec);
            steps[i] = ([layer], i + 1);
        }
        return steps;
    }

    // A shared weight stands at the depth of the highest layer that it serves: it is frozen only with that one.
    private static (IEncoderLayer[] Layers, int Depth)[] MakeShared(WeightBuilder builder, ModelSpec spec, SharingPlan sharing)
    {
        int[] group = [.. Enumerable.Range(0, spec.LayerCount).Select(layer => (int)((long)layer * sharing.Groups / spec.LayerCount))];
        var groups = new (IEncoderLayer[] Layers, int Depth)[sharing.Groups];
        for (int g = 0; g < groups.Length; g++)
        {
            int depth = Array.LastIndexOf(group, g) + 1;
            var layers = new IEncoderLayer[sharing.LayersAGroup];
            for (int j = 0; j < layers.Length; j++) layers[j] = EncoderLayer.Make(builder, $"groups.{g}.layers.{j}", depth, spec, lowest: false);
            groups[g] = (layers, depth);
        }
        return [.. group.Select(g => groups[g])];
    }
}
