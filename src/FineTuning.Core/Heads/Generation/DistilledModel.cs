using FineTuning.Adapters;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A model that writes as one that learns a teacher's distributions, token by token, on completions that are there: a view.</summary>
/// <param name="student">Owns the weights.</param>
/// <param name="teacher">A head over the same vocabulary.</param>
/// <param name="mixture">From 0 to 1; see <see cref="GeneralizedDivergence"/>.</param>
/// <param name="temperature">Above 0.</param>
internal sealed class DistilledModel<TExample>(CausalTextModel<TExample> student, OutputHead teacher, double mixture, double temperature)
    : TunableModel<TExample>
{
    // Scores of both over the vocabulary exist for so many tokens at a time.
    private const long TokensAtOnce = 128;

    private protected override OutputHead? AdaptedHead => student.Head;

    private protected override ModelAdapters? SharedAdapters => student.Adapters;

    public override WeightSet Weights => student.Weights;

    public override Device Device => student.Device;

    public override EncodedRow? Encode(TExample example, EncodingReport report) => student.Encode(example, report);

    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows) => student.PrepareRows(rows);

    internal override RowFormat? RowFormat => student.RowFormat;

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => student.Collate(rows, paddedLength);

    internal override string? WhyInputsChange => student.WhyInputsChange;

    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        var rows = (LanguageBatch)batch;
        using WeightPass pass = Weights.Enter();
        (Tensor own, Tensor theirs) = (Hidden(student.Head, rows, context), Teacher(rows));
        return Chunks(rows).Select(chunk => Sum(rows, own, theirs, chunk, context)).Aggregate((sum, part) => sum.Plus(part));
    }

    /// <summary>The gradient of each few tokens by their states at once, and then that of the states by the trunk: scores are never kept.</summary>
    public override double AddGradients(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var rows = (LanguageBatch)batch;
        using WeightPass pass = Weights.Enter();
        Tensor theirs = Teacher(rows), own = Hidden(student.Head, rows, context);
        Tensor states = own.detach().requires_grad_();
        double sum = 0;
        int part = 0;
        foreach ((long Start, long Count) chunk in Chunks(rows))
        {
            using var scope = NewDisposeScope();
            Tensor loss = Sum(rows, states, theirs, chunk, context.Part(part++));
            sum += loss.Number();
            if (!double.IsFinite(sum)) return sum;
            loss.backward();
        }
        if (own.requires_grad) (own * states.grad!).sum().backward();
        BackwardFaults.ThrowKept();
        return sum;
    }

    public override IEvaluation NewEvaluation() => new Evaluation(this);

    // The student owns the weights: disposing a view frees nothing.
    protected override void Dispose(bool disposing) => base.Dispose(false);

    private static Tensor Hidden(OutputHead head, LanguageBatch rows, ForwardContext context) =>
        head.Trunk.Hidden(rows.Input, context, WantedStates.At(rows.Predicting));

    private static IEnumerable<(long Start, long Count)> Chunks(LanguageBatch rows)
    {
        for (long start = 0; start < rows.Tokens; start += TokensAtOnce) yield return (start, Math.Min(TokensAtOnce, rows.Tokens - start));
    }

    private OutputHead Head => student.Head;

    private Tensor Teacher(LanguageBatch rows)
    {
        using WeightPass pass = teacher.Weights.Enter();
        using var gradients = no_grad();
        return Hidden(teacher, rows, ForwardContext.Evaluation());
    }

    private Tensor Sum(LanguageBatch rows, Tensor own, Tensor theirs, (long Start, long Count) chunk, ForwardContext context)
    {
        Tensor target;
        using (WeightPass pass = teacher.Weights.Enter())
        using (no_grad()) target = teacher.Score(theirs.narrow(0, chunk.Start, chunk.Count), ForwardContext.Evaluation());
        Tensor scores = student.Head.Score(own.narrow(0, chunk.Start, chunk.Count), context);
        Tensor losses = GeneralizedDivergence.PerToken(scores, target, mixture, temperature);
        return (rows.Weights is null ? losses : losses * rows.Weights.narrow(0, chunk.Start, chunk.Count)).sum();
    }

    private sealed class Evaluation(DistilledModel<TExample> model) : IEvaluation
    {
        private readonly LanguageEvaluation _texts = new(model.Head);
        private readonly MeanLoss _loss = new();

        public void Add(Batch batch, ForwardContext context)
        {
            _texts.Add(batch, context);
            if (((LanguageBatch)batch).Tokens > 0) _loss.Add(model.SumLoss(batch, context), batch.TargetCount);
        }

        public MetricReport Report() =>
            new([MetricValue.Lower("loss", _loss.Value), .. _texts.Report().Metrics.Where(value => value.Name != "loss")]);
    }
}
