using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How a branch joins the stream it left: after(x + dropout(branch(before(x)))), with a norm on the branch's end where there is one.</summary>
/// <param name="Before">Normalizes what enters the branch (GPT-2, LLaMA, ModernBERT); null: nothing does.</param>
/// <param name="End">Normalizes what the branch gives, before it is added (OLMo 2, Gemma 2); null: nothing does.</param>
/// <param name="After">Normalizes the sum (BERT); null: nothing does.</param>
/// <param name="Dropout">Of what is added, from 0 to below 1.</param>
/// <param name="Site">Which dropout of the layer this is.</param>
internal sealed record Residual(INorm? Before, INorm? End, INorm? After, double Dropout, int Site)
{
    /// <summary>What the branch reads.</summary>
    public Tensor Enter(Tensor stream, ForwardContext context) => Before is null ? stream : Before.Forward(stream, context.IsDecoding);

    /// <summary>The stream with what the branch gave.</summary>
    public Tensor Join(Tensor stream, Tensor branch, ForwardContext context)
    {
        Tensor sum = stream.Plus(context.Dropout(End is null ? branch : End.Forward(branch, context.IsDecoding), Dropout, Site));
        return After is null ? sum : After.Forward(sum, context.IsDecoding);
    }

    /// <param name="builder">Gives the weights.</param>
    /// <param name="plan">Norms and dropout.</param>
    /// <param name="name">The branch's name.</param>
    /// <param name="depth">The weights' depth.</param>
    /// <param name="width">The hidden size.</param>
    /// <param name="site">Which dropout of the layer this is.</param>
    public static Residual Make(WeightBuilder builder, BranchPlan plan, string name, int depth, long width, int site) => new(
        Norms.Make(builder, plan.Before, name + ".norm", depth, width),
        Norms.Make(builder, plan.End, name + ".end_norm", depth, width),
        Norms.Make(builder, plan.After, name + ".norm", depth, width),
        plan.Dropout,
        site);
}
