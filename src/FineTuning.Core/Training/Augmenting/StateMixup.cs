using FineTuning.Errors;
using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Mixes the hidden states that the head reads of two texts, l h + (1 - l) h', and the losses of both their targets in the same shares, with l drawn
/// from Beta(alpha, alpha) for each step (mixup, Zhang et al. 2018; of sentence vectors, Guo, Mao and Zhang 2019). A step takes twice the time.
/// </summary>
/// <remarks>Partners are drawn among all rows of the step, so that accumulated equals whole. The loss that is reported is this one.</remarks>
/// <param name="Alpha">Above 0; small: most mixtures are nearly one of both.</param>
internal sealed record StateMixup(double Alpha) : RunFeature
{
    private const int PartnerDraw = 6;

    internal override bool CanResume => true;

    internal override LoopFeature Start() => new Mixing(Alpha);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Alpha is not (>= 0.01 and <= 4)) violations.Add($"the alpha of mixup is {Alpha}: it is from 0.01 to 4");
    }

    internal override void CollectConflicts(List<string> violations, TrainingOptions recipe)
    {
        if (recipe.Features.Any(feature => feature is DropoutConsistency)) violations.Add("mixup and dropout consistency both compute the loss: choose one");
    }

    /// <summary>A draw of Beta(alpha, alpha) (Johnk 1964).</summary>
    internal static double Beta(double alpha, AugmentationDraw draw)
    {
        while (true)
        {
            double x = Math.Pow(draw.Next(), 1 / alpha), y = Math.Pow(draw.Next(), 1 / alpha);
            if (x + y is > 0 and <= 1) return x / (x + y);
        }
    }

    private sealed class Mixing(double alpha) : LoopFeature
    {
        private readonly Dictionary<EncodedRow, EncodedRow> _partners = [];
        private double _share;

        public override void Begin(RunParts run)
        {
            if (!run.Model.MixesStates)
                throw new InvalidOptionsException([$"mixup needs a head that reads one vector of a text; {run.Model.GetType().Name} is none"]);
        }

        public override void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches)
        {
            // By their place in the data, whatever the micro-batches are.
            EncodedRow[] rows = [.. batches.SelectMany(batch => batch).OrderBy(row => row.Index)];
            int[] order = Permutation.Of(rows.Length, run.Options.Seed, run.Record.Steps, PartnerDraw);
            _partners.Clear();
            for (int i = 0; i < rows.Length; i++) _partners[rows[i]] = rows[order[i]];
            _share = Beta(alpha, new AugmentationDraw(run.Options.Seed, run.Record.Steps, -1, PartnerDraw));
        }

        public override int Passes => 2;

        public override double? AddGradients(RunParts run, Batch batch, ForwardContext context)
        {
            EncodedRow[] others = [.. batch.Rows.Select(row => _partners[row.Origin])];
            var moment = new BatchMoment(run.Options.Seed, run.Record.Steps / run.Record.Length.StepsInAnEpoch);
            Batch partners = run.Model.Collate(others, Math.Max(batch.PaddedLength, others.Max(row => row.Length)), moment);
            return TunableModel.AddGradientsOf(run.Model.MixedLoss(batch, partners, _share, context));
        }
    }
}
