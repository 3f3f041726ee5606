using System.Diagnostics.CodeAnalysis;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>The parts of one run, each with its own state: what the loop drives, what features see, what is exported and imported.</summary>
internal sealed class RunParts : IDisposable
{
    private readonly OptimizerState _optimizer;
    private readonly FreezeState _freezing;
    private readonly LoopFeature[] _features;

    // Weights that an earlier part of the run has trained and this one does not: a fork with another recipe.
    private Weight[] _trainedBefore = [];

    /// <exception cref="InvalidOptionsException">A rule of the recipe means no weight, or nothing is left to train.</exception>
    public RunParts(TunableModel model, TrainingOptions options, RunRecord record)
    {
        (Model, Options, Record) = (model, options, record);
        _freezing = new FreezeState(model.Weights, options);
        Trained = [.. model.Weights.Where(weight => weight.CanTrain && !options.Frozen.Matches(weight, model.Weights.HeadDepth))];
        _optimizer = options.Optimizer.CreateState();
        Recomputed = LayersOf(options.GradientCheckpointing);
        Gradients = new GradientStep(options, _optimizer);
        Best = new BestWeights(Trained);
        CompareBy(MetricDirection.Higher);
        // Who watches sees the weights before who changes them for an evaluation or at the end.
        _features = [.. options.Features.OrderBy(feature => feature.ChangesTheResult).Select(feature => feature.Start())];
        if (options.FrozenStates is { } kept) _features = [.. _features, new KeptStates(kept)];
    }

    /// <summary>What is trained.</summary>
    public TunableModel Model { get; }

    /// <summary>The recipe.</summary>
    public TrainingOptions Options { get; }

    /// <summary>Counts, times and history.</summary>
    public RunRecord Record { get; }

    /// <summary>The weights that train at some time of the run.</summary>
    public IReadOnlyList<Weight> Trained { get; }

    /// <summary>The layers that are computed again in the backward pass. Null: none.</summary>
    public RecomputedLayers? Recomputed { get; private set; }

    /// <summary>From gradients to updates.</summary>
    public GradientStep Gradients { get; }

    /// <summary>A copy of the weights at the best evaluation.</summary>
    public BestWeights Best { get; }

    /// <summary>Which evaluation is the best.</summary>
    public Selection Selection { get; private set; }

    /// <summary>Which way the metric gets better.</summary>
    public MetricDirection Direction { get; private set; }

    /// <summary>The loss of the largest batch before the first step; null where there was no time to compute it.</summary>
    public double? FirstLoss { get; set; }

    /// <summary>Hidden states of layers that do not train, for training and evaluation. Null: all layers are computed.</summary>
    public IFrozenStates? Frozen { get; set; }

    /// <summary>Asked where something takes long: whether the run is cancelled or its time up.</summary>
    public Func<bool> IsEnding { get; init; } = () => false;

    /// <summary>Whether the state is that between two steps; false while the weights are being changed.</summary>
    public bool IsBetweenSteps { get; set; } = true;

    /// <summary>How far a plateau schedule has fallen; null for any other schedule.</summary>
    public PlateauState? Plateau { get; private set; }

    /// <summary>The rate of the next step.</summary>
    public double Rate => Options.Optimizer.LearningRate * Options.Schedule.Factor(Record.Steps, Record.Length.TotalSteps) * (Plateau?.Values.Factor ?? 1)
        * _features.Aggregate(1.0, (factor, feature) => factor * feature.RateFactor);

    /// <summary>Sets which way the metric gets better, once an evaluation has said so; nothing was compared before.</summary>
    [MemberNotNull(nameof(Selection))]
    public void CompareBy(MetricDirection direction)
    {
        bool higher = direction == MetricDirection.Higher;
        Direction = direction;
        Selection = new Selection(higher, Options.EarlyStopping);
        Plateau = Options.Schedule is PlateauSchedule schedule ? new PlateauState(schedule, higher) : null;
    }

    /// <summary>The pass of a micro-batch, with dropout by its seed, step and number.</summary>
    public ForwardContext Pass(long step, int microBatch) =>
        ForwardContext.For(new DropoutStream(Options.Seed, step, microBatch), Options.Precision, Recomputed, Frozen);

    /// <summary>From now on all layers are computed again in the backward pass; false where they are already.</summary>
    public bool RecomputeAll()
    {
        RecomputedLayers all = LayersOf(new WeightFilter().Layers(..))!;
        if (Recomputed is { } own && all.Depths.All(own.Contains)) return false;
        Recomputed = all;
        return true;
    }

    private RecomputedLayers? LayersOf(WeightFilter filter)
    {
        int head = Model.Weights.HeadDepth;
        HashSet<int> depths =
            [.. Model.Weights.Where(weight => weight.Depth > 0 && weight.Depth < head && filter.Matches(weight, head)).Select(weight => weight.Depth)];
        return filter.Rules.Count == 0 ? null : new RecomputedLayers(depths);
    }

    /// <summary>Sets which weights train in an epoch.</summary>
    public void BeginEpoch(long epoch)
    {
        if (_freezing.Begin(epoch)) Gradients.Regroup(Model.Weights);
    }

    /// <summary>The same, and lets features know.</summary>
    public void EnterEpoch(long epoch)
    {
        BeginEpoch(epoch);
        At(feature => feature.BeginEpoch(this, epoch));
    }

    /// <summary>Calls each feature, in the order of the recipe.</summary>
    public void At(Action<LoopFeature> point) => Array.ForEach(_features, point);

    /// <summary>How a micro-batch is computed, as all features shape it.</summary>
    public ForwardContext Shape(ForwardContext context) => _features.Aggregate(context, (shaped, feature) => feature.Shape(this, shaped));

    /// <summary>Loss and gradients of a micro-batch: a feature's own way, or the model's.</summary>
    public double AddGradients(Batch batch, ForwardContext context) =>
        _features.Select(feature => feature.AddGradients(this, batch, context)).FirstOrDefault(sum => sum is not null) ?? Model.AddGradients(batch, context);

    /// <summary>How many passes over a micro-batch are kept at once.</summary>
    public int Passes => _features.Select(feature => feature.Passes).DefaultIfEmpty(1).Max();

    /// <summary>The tally after all features have reduced it.</summary>
    public StepTally Reduce(StepTally tally) => _features.Aggregate(tally, (reduced, feature) => feature.Reduce(reduced));

    /// <summary>The state that a feature offers to go on from; null: the run begins.</summary>
    /// <returns>The caller disposes it.</returns>
    public RunState? Restore() => _features.Select(feature => feature.Restore(this)).FirstOrDefault(state => state is not null);

    /// <summary>Whether a feature reads what a state has under that name.</summary>
    public bool Reads(string name) => Array.Exists(_features, feature => feature.StatePath is { } path && name.StartsWith(path, StringComparison.Ordinal));

    /// <summary>Whether a feature lets the run go on though a loss or gradient is not finite.</summary>
    public bool Recover(string problem) => Array.Exists(_features, feature => feature.Recover(this, problem));

    /// <summary>The state between two steps.</summary>
    /// <returns>The caller disposes it.</returns>
    public RunState Export()
    {
        var state = new StateWriter();
        try
        {
            foreach (Weight weight in Trained.Concat(_trainedBefore)) state.Add(WeightPath + weight.Name, weight.Value);
            _optimizer.Export(state);
            Best.Export(state);
            Model.ExportPrecomputed(state.Add);
            At(feature => feature.Export(state));
        }
        catch
        {
            state.Discard();
            throw;
        }
        (RunCounters counters, HistoryValues history, IReadOnlyList<EvaluationRecord> evaluations, IReadOnlyList<string> warnings) = Record.Export();
        return new RunState
        {
            Recipe = Options, Length = Record.Length, Counters = counters, History = history, Evaluations = evaluations, Warnings = warnings,
            Selection = Selection.Values, Plateau = Plateau?.Values, Tensors = state.Tensors, Numbers = state.Numbers,
        };
    }

    /// <summary>Takes over a state; everything is checked, and all that does not fit is reported at once.</summary>
    /// <param name="state">Of this run or of an earlier one.</param>
    /// <param name="isReturn">Whether it is an earlier state of this run.</param>
    /// <exception cref="InvalidOptionsException">It is that of another recipe, of other data or of another model.</exception>
    public void Import(RunState state, bool isReturn = false)
    {
        var faults = new List<string>();
        if (state.Recipe.WithoutWatchers() != Options.WithoutWatchers())
            faults.Add("the run's state is that of another recipe: continue with the recipe that it holds");
        if (state.Length != Record.Length)
        {
            faults.Add($"the state is that of {state.Length.StepsInAnEpoch} steps an epoch and {state.Length.TotalSteps} in all; "
                + $"this data gives {Record.Length.StepsInAnEpoch} and {Record.Length.TotalSteps}: give the same data");
        }
        if (faults.Count > 0) throw new InvalidOptionsException(faults);
        var reader = new StateReader(state);
        _trainedBefore = [.. Model.Weights.Except(Trained).Where(weight => state.Tensors.ContainsKey(WeightPath + weight.Name))];
        foreach (Weight weight in Trained.Concat(_trainedBefore)) reader.CopyTo(WeightPath + weight.Name, weight.Value);
        _optimizer.Import(reader, Trained);
        Best.Import(reader);
        Model.ImportPrecomputed(reader.Find, reader.Faults.Add);
        At(feature => feature.Import(this, reader));
        faults.AddRange(reader.Faults.Select(fault => $"the run's state does not fit the model: {fault}"));
        faults.AddRange(reader.Unread.Select(name => $"the run's state does not fit the model: nothing here is named '{name}'"));
        if (faults.Count > 0) throw new InvalidOptionsException(faults);
        Record.Import(state, isReturn);
        if (Record.Steps > 0)
        {
            foreach (Weight weight in Trained.Concat(_trainedBefore)) weight.IsTuned = true;
        }
        Selection.Values = state.Selection;
        if (Plateau is not null && state.Plateau is not null) Plateau.Values = state.Plateau;
        // The evaluation that used the patience up is not done again.
        if (Selection.ShouldStop && !Record.IsOver) Record.Stop = StopReason.StoppedEarly;
    }

    public void Dispose()
    {
        At(feature => feature.Dispose());
        Best.Dispose();
        _optimizer.Dispose();
    }

    private const string WeightPath = "weights/";
}
