using FineTuning.Models;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Pulls weights to where the run began: alpha / 2 |w - w0|^2, and those of the head to zero: beta / 2 |w|^2
/// (L2-SP, Li, Grandvalet and Davoine 2018, equation 3). It needs the memory of one more copy of the weights that train.
/// </summary>
/// <remarks>The penalty is added to the mean loss by its gradient; the loss that is reported is without it.</remarks>
/// <param name="Alpha">Of what was pretrained; 0 or more.</param>
/// <param name="Beta">Of the head; 0 or more.</param>
internal sealed record StartingPointPenalty(double Alpha, double Beta) : RunFeature
{
    internal override bool CanResume => true;

    internal override int WeightCopies => 1;

    internal override LoopFeature Start() => new Pull(Alpha, Beta);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Alpha is not (>= 0 and < 1e6)) violations.Add($"the alpha of the starting point's penalty is {Alpha}: it is from 0 to below 1,000,000");
        if (Beta is not (>= 0 and < 1e6)) violations.Add($"the beta of the starting point's penalty is {Beta}: it is from 0 to below 1,000,000");
    }

    private sealed class Pull(double alpha, double beta) : LoopFeature
    {
        private const string Path = "start/";

        private readonly WeightCopies _start = new(Path);

        public override string? StatePath => Path;

        public override void Begin(RunParts run) => _start.Keep(run.Trained);

        public override void AfterGradients(RunParts run, double targetCount)
        {
            using var scope = NewDisposeScope();
            using var none = no_grad();
            for (int i = 0; i < run.Trained.Count; i++)
            {
                Weight weight = run.Trained[i];
                if (weight.Value.grad is not { } gradient) continue;
                bool isHead = weight.Depth >= run.Model.Weights.HeadDepth;
                if (isHead) gradient.add_(weight.Value, Held(beta * targetCount));
                else gradient.add_(weight.Value.detach().add(_start[i], Held(-1)), Held(alpha * targetCount));
            }
        }

        public override void Export(StateWriter state) => _start.Export(state);

        public override void Import(RunParts run, StateReader state) => _start.Import(run.Trained, state);

        public override void Dispose()
        {
            _start.Dispose();
            base.Dispose();
        }
    }
}
