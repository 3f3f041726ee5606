using FineTuning.Batching;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>A model that learns something new while old tasks are replayed or distilled: what the loop trains instead of it.</summary>
/// <remarks>A view: the models keep owning their weights. It is evaluated and calibrated as the model itself.</remarks>
internal sealed class ContinuedModel : ModelView
{
    private readonly TunableModel _learner;
    private readonly IReadOnlyList<KeptTask> _kept;
    private readonly MultiTaskModel? _tasks;
    private readonly OldWeights? _old;
    private IReadOnlyList<EncodedRow> _trained = [];

    /// <param name="model">Learns; an adapter that it is to learn is on it.</param>
    /// <param name="kept">What is not to be forgotten.</param>
    /// <param name="training">How it is protected.</param>
    /// <param name="frozen">What the recipe keeps from training. Null: nothing.</param>
    public ContinuedModel(TunableModel model, IReadOnlyList<KeptTask> kept, ContinuedTraining training, WeightFilter? frozen = null)
        : base(model)
    {
        (_kept, Training) = (kept, training);
        bool keepsItself = kept.Any(task => ReferenceEquals(task.Model.Weights, model.Weights));
        (string Task, TunableModel Model)[] readers = [.. (keepsItself ? [("new", model)] : Array.Empty<(string, TunableModel)>()),
            .. training.Replays ? kept.Select(task => (task.Name, task.Model)) : []];
        if (training.Distilled > 0 && readers.Any(reader => reader.Model.Words is not null))
            _old = new([.. readers.Where(reader => reader.Model.Words is not null)], frozen ?? new WeightFilter());
        TunableModel Taught(TunableModel head) => training.Distilled <= 0 ? head
            : head.GivesScores ? new TaughtModel(head, training.Distilled, training.Temperature)
            : head.Words is not null ? new TaughtWords(head, _old!, training.Distilled, training.Temperature) : head;
        _learner = keepsItself ? Taught(model) : model;
        if (!training.Replays) return;
        // With one model for all there is nothing to join, and weights keep their names.
        bool isAlone = kept.All(task => ReferenceEquals(task.Model.Weights, model.Weights));
        _tasks = new(isAlone ? model.Weights : model.SharedTrunk!.Weights, model.Device,
            [new Entry("new", _learner), .. kept.Select(task => new Entry(task.Name, Taught(task.Model)))], TaskBalancing.Fixed);
    }

    public ContinuedTraining Training { get; }

    /// <summary>The weights before the run, with which words are predicted to be distilled. Null: they are not needed.</summary>
    public OldWeights? Old => _old;

    /// <summary>Ends what is computed before the first step.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>The old tasks' models with what they have learned from.</summary>
    public IReadOnlyList<(TunableModel Model, IReadOnlyList<EncodedRow> Rows)> LearnedRows { get; private set; } = [];

    public override WeightSet Weights => Learning.Weights;

    public override int OutputsPerToken => Learning.OutputsPerToken;

    public override bool LossAddsOverRows => Learning.LossAddsOverRows;

    internal override string? WhyInputsChange => Learning.WhyInputsChange;

    internal override bool KeepsWholeGraph => Learning.KeepsWholeGraph;

    internal override bool GivesScores => _tasks is null && _learner.GivesScores;

    internal override bool MixesStates => _tasks is null && _learner.MixesStates;

    internal override string? PrecomputedPath => Learning.PrecomputedPath;

    // What a step learns: all tasks, or the new one alone.
    private TunableModel Learning => _tasks ?? _learner;

    /// <summary>The rows of a run: the new ones, with old ones between them where they are replayed.</summary>
    /// <param name="own">What is learned.</param>
    /// <param name="learned">What each old task has learned from. Null: nothing is known.</param>
    public RowSet Join(RowSet own, IReadOnlyList<RowSet?> learned)
    {
        LearnedRows = [.. _kept.Zip(learned).Where(pair => pair.Second is not null).Select(pair => (pair.First.Model, pair.Second!.Rows))];
        if (_tasks is null)
        {
            _trained = own.Rows;
            return own;
        }
        RowSet[] sets = [own, .. learned.Select(set => set!)];
        (_tasks.Train, _tasks.Validation) = (sets, new RowSet?[sets.Length]);
        EncodingSummary report = EncodingSummary.Join([("new", own.Report), .. _kept.Zip(learned, (task, set) => (task.Name, set!.Report))]);
        return RowSet.Join(sets, (index, row) => new TaskRow(index, index == 0 ? "new" : _kept[index - 1].Name, row), report,
            rules => new ReplayPlan(own.Lengths, [.. sets.Skip(1).Select(set => set.Lengths)], rules, Training.Replay));
    }

    /// <summary>Learns which rows the next step has.</summary>
    public void BeginStep(IReadOnlyList<IReadOnlyList<EncodedRow>> batches) => _tasks?.BeginStep(batches);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        rows[0] is TaskRow ? _tasks!.Collate(rows, paddedLength) : _learner.Collate(rows, paddedLength);

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) =>
        rows[0] is TaskRow ? _tasks!.Collate(rows, paddedLength, moment) : _learner.Collate(rows, paddedLength, moment);

    public override Tensor SumLoss(Batch batch, ForwardContext context) =>
        batch is TaskBatch ? _tasks!.SumLoss(batch, context) : _learner.SumLoss(batch, context);

    public override double AddGradients(Batch batch, ForwardContext context) =>
        batch is TaskBatch ? _tasks!.AddGradients(batch, context) : _learner.AddGradients(batch, context);

    internal override (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context) => _learner.ScoredLoss(batch, context);

    internal override Tensor MixedLoss(Batch batch, Batch partners, double share, ForwardContext context) =>
        _learner.MixedLoss(batch, partners, share, context);

    internal override IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) => Learning.WarningsAbout(rows);

    internal override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation)
    {
        Cancellation = cancellation;
        _old?.Keep();
        if (_tasks is not null) _tasks.Precompute(rows, cancellation);
        else if (_learner is TaughtModel) _learner.Precompute(_trained, cancellation);
        Model.Precompute([.. rows.Where(row => row is not TaskRow)], cancellation);
    }

    internal override void ExportPrecomputed(Action<string, Tensor> write) => Learning.ExportPrecomputed(write);

    internal override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault) => Learning.ImportPrecomputed(read, fault);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing) return;
        _tasks?.Dispose();
        _old?.Dispose();
    }

    /// <summary>A task whose rows are read elsewhere.</summary>
    private sealed record Entry(string Name, TunableModel Model) : TaskEntry(Name, Model, 1, 1)
    {
        public override bool HasValidation => false;

        public override RowSet Train(RunData read) => throw new InvalidOperationException("its rows are read with those of the run");

        public override RowSet? Validate(RunData read) => null;
    }
}
