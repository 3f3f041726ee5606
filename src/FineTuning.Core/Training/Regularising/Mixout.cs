using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// In each step, each number of a matrix is taken from where the run began with a probability p, and the rest is scaled so that the mean stays:
/// w0 + m (w - w0), with m 0 or 1 / (1 - p) (Lee, Cho and Kang 2020, equation 5). Matrices of the head are left as they are.
/// It needs the memory of two more copies of the matrices that train.
/// </summary>
/// <param name="Probability">From 0 to below 1; the authors take 0.7 to 0.9.</param>
internal sealed record Mixout(double Probability) : RunFeature
{
    internal override bool CanResume => true;

    internal override int WeightCopies => 1;

    internal override LoopFeature Start() => new Mixing(Probability);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Probability is not (>= 0 and < 1)) violations.Add($"the probability of mixout is {Probability}: it is from 0 to below 1");
    }

    private sealed class Mixing(double probability) : LoopFeature
    {
        private const string Path = "mixout/";

        private readonly WeightCopies _start = new(Path), _own = new("");
        private Weight[] _weights = [];

        public override string? StatePath => Path;

        public override void Begin(RunParts run)
        {
            _weights = Chosen(run);
            _start.Keep(_weights);
        }

        // One mask for all micro-batches of a step, so that accumulated equals whole.
        public override void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches)
        {
            // Where a step begins again.
            _own.Restore();
            _own.Keep(_weights);
            using var scope = NewDisposeScope();
            using var none = no_grad();
            for (int i = 0; i < _weights.Length; i++)
            {
                Tensor weight = _weights[i].Value;
                weight.sub_(_start[i]).mul_(Mask(run, i)).PlusInPlace(_start[i]);
            }
        }

        public override StepTally Reduce(StepTally tally)
        {
            _own.Restore();
            return tally;
        }

        public override void AfterGradients(RunParts run, double targetCount)
        {
            using var scope = NewDisposeScope();
            using var none = no_grad();
            for (int i = 0; i < _weights.Length; i++) _weights[i].Value.grad?.mul_(Mask(run, i));
        }

        // Where a run fails inside a step.
        public override void End(RunParts run) => _own.Restore();

        public override void Export(StateWriter state) => _start.Export(state);

        public override void Import(RunParts run, StateReader state) => _start.Import(_weights = Chosen(run), state);

        public override void Dispose()
        {
            _start.Dispose();
            _own.Dispose();
            base.Dispose();
        }

        private Tensor Mask(RunParts run, int index) =>
            new DropoutStream(run.Options.Seed, run.Record.Steps + 1, -1).Mask(_weights[index].Value, probability, index);

        private static Weight[] Chosen(RunParts run) =>
            [.. run.Trained.Where(weight => weight.Kind == WeightKind.Matrix && weight.Depth > 0 && weight.Depth < run.Model.Weights.HeadDepth)];
    }
}
