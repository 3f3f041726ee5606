using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// The log-probability of each target of a linear layer over a large vocabulary, whose logits never exist whole. The slope of what is made of them is known
/// only in the backward pass, so that the logits are computed a second time there.
/// </summary>
internal static class TokenLogProbabilities
{
    /// <summary>log p of each target; 0 where it is ignored.</summary>
    /// <param name="layer">Hidden states, output layer and targets; without smoothing and weights.</param>
    /// <returns>[tokens], float32 or float64, with its gradient for hidden states, weight and bias, as far as they want one.</returns>
    /// <exception cref="ArgumentException">Shapes or types do not fit, or a target is no word.</exception>
    public static Tensor Of(LinearTargets layer)
    {
        layer.Check();
        if (layer.Smoothing != 0 || layer.TokenWeights is not null) throw new ArgumentException("log-probabilities are neither smoothed nor weighted");
        Tensor? rows = layer.Counted();
        LinearTargets counted = rows is null ? layer : ChunkedCrossEntropy.Selected(layer);
        bool wanted = is_grad_enabled() && (counted.Hidden.requires_grad || counted.Weight.requires_grad || counted.Bias?.requires_grad == true);
        Tensor values = !wanted ? Forward(counted)
            : counted.Bias is null ? Function.apply(counted.Hidden, counted.WeightSeen, counted)
            : Function.apply(counted.Hidden, counted.WeightSeen, counted.Bias, counted);
        return rows is null ? values : zeros([layer.Hidden.shape[0]], values.dtype, values.device).index_put_(values, TensorIndex.Tensor(rows));
    }

    private static Tensor Forward(LinearTargets layer)
    {
        using var gradients = no_grad();
        Tensor hidden = layer.Hidden.detach(), values = empty([hidden.shape[0]], ChunkedCrossEntropy.ResultType(layer), hidden.device);
        using Tensor room = LogitChunk.Room(layer);
        for (long start = 0; start < hidden.shape[0]; start += layer.Chunk)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(layer.Chunk, hidden.shape[0] - start);
            var chunk = new LogitChunk(layer, hidden.narrow(0, start, count), layer.Targets.narrow(0, start, count), room);
            values.narrow(0, start, count).copy_(LogitChunk.LogProbabilities(chunk.Losses(0)));
        }
        return values;
    }

    private static List<Tensor> Backward(LinearTargets layer, Tensor slope, int inputs)
    {
        using var gradients = no_grad();
        Tensor hidden = layer.Hidden.detach(), weight = layer.Weight.detach(), counts = slope.neg().unsqueeze(1);
        Tensor? byHidden = layer.Hidden.requires_grad ? empty_like(hidden) : null, byWeight = layer.Weight.requires_grad ? zeros_like(weight) : null;
        Tensor? byBias = layer.Bias?.requires_grad == true ? zeros_like(layer.Bias) : null;
        using Tensor room = LogitChunk.Room(layer);
        for (long start = 0; start < hidden.shape[0]; start += layer.Chunk)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(layer.Chunk, hidden.shape[0] - start);
            Tensor states = hidden.narrow(0, start, count);
            var chunk = new LogitChunk(layer, states, layer.Targets.narrow(0, start, count), room);
            _ = chunk.Losses(0);
            Tensor slopes = chunk.Slopes(0, counts.narrow(0, start, count)).to(hidden.dtype);
            byHidden?.narrow(0, start, count).addmm_(slopes, weight, 0, 1);
            byWeight?.addmm_(slopes.t(), states, 1, 1);
            byBias?.PlusInPlace(slopes.sum([0]).to(byBias.dtype));
        }
        return [.. new[] { byHidden, byWeight, byBias }.Take(inputs - 1).Append(null).Select(gradient => gradient!)];
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => "token_log_probabilities";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var layer = (LinearTargets)vars[^1];
            ctx.save_data("layer", layer);
            ctx.save_data("inputs", vars.Length);
            return Forward(layer);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            int inputs = (int)ctx.get_data("inputs");
            try
            {
                return Backward((LinearTargets)ctx.get_data("layer"), grad_output, inputs);
            }
            catch (Exception fault)
            {
                BackwardFaults.Keep(fault);
                return [.. Enumerable.Repeat<Tensor>(null!, inputs)];
            }
        }
    }
}
