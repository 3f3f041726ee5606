using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A head's dense layer with its function and norm, on any leading dimensions.</summary>
internal sealed class HeadDense(Linear dense, Activation function, INorm? norm)
{
    public Tensor Forward(Tensor input, ForwardContext context)
    {
        Tensor features = function.Apply(dense.Forward(input, context));
        return norm is null ? features : norm.Forward(features);
    }

    public static HeadDense Make(WeightBuilder builder, DensePlan plan, int depth, int hidden) => new(
        builder.Linear(plan.Name, depth, hidden, plan.Width ?? hidden, plan.Bias), plan.Function,
        Norms.Make(builder, plan.Norm, "head.norm", depth, plan.Width ?? hidden));
}
