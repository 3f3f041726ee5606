using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How a branch joins the stream it left: after(x + dropout(branch(before(x)))), with a norm on the branch's end where there is one.</summary>
/// <param name="Before">Normalizes what enters the branch (GPT-2, LLaMA, ModernBERT); null: nothing does.</param>
/// <param name="End">Normalizes what the branch gives, before it is added (OLMo 2, Gemma 2); null: nothing does.</param>
/// <param name="After">Normalizes the sum (BERT); null: nothing does.</param>
/// <param name="Dropout">Of what is added, from 0 to below 1.</param>
internal sealed record Residual(INorm? Before, INorm? End, INorm? After, double Dropout)
{
    /// <summary>What the branch reads.</summary>
    public Tensor Enter(Tensor stream) => Before is null ? stream : Before.Forward(stream);

    /// <summary>The stream with what the branch gave.</summary>
    public Tensor Join(Tensor stream, Tensor branch, ForwardContext context)
    {
        Tensor sum = stream.Plus(context.Dropout(End is null ? branch : End.Forward(branch), Dropout));
        return After is null ? sum : After.Forward(sum);
    }
}
