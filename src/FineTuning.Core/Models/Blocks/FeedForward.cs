using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// Two linear layers with a function between them (Vaswani et al. 2017, equation 2), the inner one gated channel by channel where
/// the plan says so (Shazeer 2020, equation 6).
/// </summary>
/// <param name="inner">The inner layer; gated: first the rows that go through the function, then the other factor's.</param>
/// <param name="outer">Back to the hidden size.</param>
/// <param name="plan">Function, gate, dropout.</param>
internal sealed class FeedForward(Linear inner, Linear outer, FeedForwardPlan plan)
{
    /// <param name="input">[.., hidden]</param>
    /// <param name="context">The layer's pass.</param>
    /// <returns>[.., hidden]</returns>
    public Tensor Forward(Tensor input, ForwardContext context)
    {
        Tensor inside = inner.Forward(input, context);
        FusedGate? gate = plan.Activation switch { Activation.Silu => FusedGate.Silu, Activation.GeluTanh => FusedGate.GeluTanh, _ => null };
        if (context.IsDecoding && plan.IsGated && gate is { } fused && FusedRows.TryGate(inside, fused) is { } gated)
        {
            inside = gated;
        }
        else if (plan.IsGated)
        {
            Tensor[] halves = inside.chunk(2, -1);
            inside = plan.Activation.Apply(halves[0]) * halves[1];
        }
        else
        {
            inside = plan.Activation.Apply(inside);
        }
        return outer.Forward(context.Dropout(inside, plan.Dropout, DropoutSite.Inner), context);
    }

    public static FeedForward Make(WeightBuilder builder, FeedForwardPlan plan, string name, int depth, long width)
    {
        Linear inner = plan.IsGated
            ? builder.Linear(name + ".inner", [(name + ".gate", plan.Width), (name + ".up", plan.Width)], depth, width, plan.Bias)
            : builder.Linear(name + ".inner", depth, width, plan.Width, plan.Bias);
        return new(inner, builder.Linear(name + ".outer", depth, plan.Width, width, plan.Bias), plan);
    }
}
