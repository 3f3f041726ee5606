using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Two passes with different dropout over each micro-batch, which are to agree: 1/2 (CE(p) + CE(q)) + alpha/2 (KL(p|q) + KL(q|p))
/// (R-Drop, Liang et al. 2021, equations 2 to 4). A step takes twice the time and the activations of two passes.
/// </summary>
/// <remarks>For heads that choose among labels: classifiers and taggers. The loss that is reported is this one.</remarks>
/// <param name="Alpha">How much they are to agree, 0 or more. Default 1.</param>
internal sealed record DropoutConsistency(double Alpha = 1) : RunFeature
{
    internal override bool CanResume => true;

    internal override LoopFeature Start() => new TwoPasses(Alpha);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Alpha is not (>= 0 and < 1e6)) violations.Add($"the alpha of dropout consistency is {Alpha}: it is from 0 to below 1,000,000");
    }

    /// <summary>The sum over rows of 1/2 (KL(p|q) + KL(q|p)).</summary>
    /// <param name="p">Scores, [rows, labels]</param>
    /// <param name="q">Scores, [rows, labels]</param>
    /// <returns>A scalar.</returns>
    internal static Tensor Divergence(Tensor p, Tensor q)
    {
        Tensor logP = nn.functional.log_softmax(p, -1), logQ = nn.functional.log_softmax(q, -1);
        // KL(p|q) + KL(q|p) = sum (p - q) (log p - log q)
        return ((logP.exp() - logQ.exp()) * (logP - logQ)).sum(ScalarType.Float32) * Held(0.5);
    }

    private sealed class TwoPasses(double alpha) : LoopFeature
    {
        public override void Begin(RunParts run)
        {
            if (!run.Model.GivesScores)
                throw new InvalidOptionsException([$"dropout consistency needs a head that chooses among labels; {run.Model.GetType().Name} is none"]);
        }

        public override int Passes => 2;

        public override double? AddGradients(RunParts run, Batch batch, ForwardContext context)
        {
            (Tensor loss, Tensor scores) = run.Model.ScoredLoss(batch, context);
            // The second pass is a part of the micro-step with dropout of its own.
            (Tensor other, Tensor second) = run.Model.ScoredLoss(batch, context.Apart(int.MaxValue));
            return TunableModel.AddGradientsOf((loss.Plus(other) * Held(0.5)).Plus(Divergence(scores, second) * Held(alpha)));
        }
    }
}
