using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tasks;

/// <summary>What the training loop sees of a model: it never asks which task it trains.</summary>
/// <remarks>
/// All members but <see cref="Dispose()"/> are called on the run's own thread, inside a torch dispose scope. A model that predicts enters its weights
/// (<see cref="WeightSet.Enter"/>) while it does. The caller that made the model disposes it; of several that share a trunk, whoever made the trunk.
/// </remarks>
public abstract class TunableModel : IDisposable
{
    private readonly List<UserMetric> _metrics = [];
    private ModelAdapters? _adapters;

    /// <summary>Makes libtorch usable: the constructor of your own task may then make tensors and modules, also as the first code of a process.</summary>
    /// <exception cref="NativeRuntimeException">Something is missing; the message says what to install.</exception>
    protected TunableModel() => FineTuningRuntime.Load();

    /// <summary>All weights, trainable or frozen.</summary>
    public abstract WeightSet Weights { get; }

    /// <summary>The adapters on the model.</summary>
    /// <exception cref="InvalidOperationException">The model is none of this library's heads on a trunk.</exception>
    public ModelAdapters Adapters => SharedAdapters
        ?? (_adapters ??= new(AdaptedHead ?? throw new InvalidOperationException($"{GetType().Name} is no head on a trunk: it takes no adapters")));

    /// <summary>The head whose modules adapters are put on; null: the model takes none.</summary>
    private protected virtual OutputHead? AdaptedHead => null;

    /// <summary>The trunk that the model's head sits on; null: the model is no head on a trunk.</summary>
    internal Trunk? SharedTrunk => AdaptedHead?.Trunk;

    /// <summary>The head whose modules adapters are put on; null: the model takes none.</summary>
    internal OutputHead? SharedHead => AdaptedHead;

    /// <summary>How many scores the head gives; 1 where it is no head on a trunk.</summary>
    internal int HeadOutputs => AdaptedHead?.Outputs ?? 1;

    /// <summary>The active adapter; null: none is.</summary>
    internal BuiltAdapter? ActiveAdapter => (SharedAdapters ?? _adapters)?.Current;

    /// <summary>The adapters of the model that this one is a view of; null: it is none.</summary>
    private protected virtual ModelAdapters? SharedAdapters => null;

    /// <summary>Whether it is a view of another model, which owns the weights.</summary>
    internal bool IsView => SharedAdapters is not null;

    /// <summary>Reads an adapter's folder; see <see cref="ModelAdapters.Load"/>.</summary>
    /// <param name="folder">As PEFT or this library wrote it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="use">Whether the model computes with it from now on; false: it goes on with what it had.</param>
    public void LoadAdapter(string folder, string name = "default", bool use = true) => Adapters.Load(folder, name, use);

    /// <summary>Writes the active adapter; see <see cref="ModelAdapters.Save"/>.</summary>
    /// <param name="folder">Where to.</param>
    public void SaveAdapter(string folder) => Adapters.Save(folder);

    /// <summary>Lets the model compute with an adapter.</summary>
    /// <param name="name">Its name.</param>
    public void UseAdapter(string name) => Adapters.Use(name);

    /// <summary>Lets the model compute as the base again.</summary>
    public void WithoutAdapter() => Adapters.UseNone();

    /// <summary>Where the weights are and batches must be.</summary>
    public virtual Device Device => CPU;

    /// <summary>The metric by which evaluations are compared where the user names none, for example <c>accuracy</c>; <c>loss</c> always exists.</summary>
    public virtual string PrimaryMetric => "loss";

    /// <summary>
    /// The most scores that are computed for one token: with many, evaluations take fewer tokens at once, so that memory stays bounded. Default 1.
    /// </summary>
    public virtual int OutputsPerToken => 1;

    /// <summary>Pads and stacks rows into tensors on <see cref="Device"/>.</summary>
    /// <param name="rows">At least one row that this model encoded.</param>
    /// <param name="paddedLength">Tokens a row after padding; at least the longest row.</param>
    public abstract Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength);

    /// <summary>
    /// Pads and stacks rows for training. A model that draws something for each row overrides this and draws it as a pure function of moment and row.
    /// </summary>
    /// <param name="rows">At least one row that this model encoded.</param>
    /// <param name="paddedLength">Tokens a row after padding; at least the longest row.</param>
    /// <param name="moment">The run's seed and the epoch.</param>
    public virtual Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength, BatchMoment moment) => Collate(rows, paddedLength);

    /// <summary>Why the trunk reads something else in every epoch, so that what it gives cannot be kept. Null: it reads the same.</summary>
    internal virtual string? WhyInputsChange =>
        GetType().GetMethod(nameof(Collate), [typeof(IReadOnlyList<EncodedRow>), typeof(int), typeof(BatchMoment)])!.DeclaringType == typeof(TunableModel)
            ? null : $"{GetType().Name} draws its inputs anew in every epoch";

    /// <summary>How many of the lowest layers no weight that trains now takes part in.</summary>
    internal virtual FrozenLayers FrozenLayers() => Weights.Trunk?.FrozenLayers() ?? default;

    /// <summary>Why states below that border are not those of the texts alone, so that they cannot be kept. Null: they are.</summary>
    internal virtual string? WhyStatesDiffer(FrozenLayers border)
    {
        if (Weights.Trunk is not { } trunk) return null;
        if (trunk.Prompt is not null) return "vectors that train stand before each text";
        return trunk.WeightsBelow(border).Intersect(trunk.Weights.Guests).Any() ? "an adapter lies below" : null;
    }

    /// <summary>Whether a run switches how the trunk computes, so that nobody else may read it meanwhile, whatever is written.</summary>
    internal virtual bool SwitchesTheTrunk => false;

    /// <summary>How the head predicts words of a vocabulary, in two steps. Null: it predicts none.</summary>
    internal virtual IWordHead? Words => null;

    /// <summary>
    /// Makes the rows of a run out of the encoded examples, before batches are planned. A model that packs texts or cuts them into windows overrides this.
    /// </summary>
    /// <param name="rows">The encoded examples, in the order of the data.</param>
    /// <returns>The rows that are trained or evaluated on, each with its <see cref="EncodedRow.Index"/>.</returns>
    public virtual IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        return rows;
    }

    /// <summary>How the rows of a run are kept in a file. Null: they cannot be.</summary>
    internal virtual RowFormat? RowFormat => null;

    /// <summary>
    /// Computes what rows need of the model as it stands: once, before a run changes it, or before they are evaluated. A run has the weights for
    /// itself by then.
    /// </summary>
    /// <param name="rows">Training and validation rows.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    internal virtual void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation)
    {
    }

    /// <summary>Below which name a run's state has what was computed before it; null: nothing was.</summary>
    internal virtual string? PrecomputedPath => null;

    /// <summary>Hands what was computed before the run to the run's state, by name.</summary>
    internal virtual void ExportPrecomputed(Action<string, Tensor> write)
    {
    }

    /// <summary>Takes it over from a run's state, by name; says what is missing.</summary>
    internal virtual void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault)
    {
    }

    /// <summary>Whether <see cref="ScoredLoss"/> is there: the head chooses among labels.</summary>
    internal virtual bool GivesScores => false;

    /// <summary>The sum of the losses with the scores it is of, one row a target: [targets, labels].</summary>
    internal virtual (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context) =>
        throw new NotSupportedException($"{GetType().Name} does not choose among labels");

    /// <summary>Whether <see cref="MixedLoss"/> is there: the head reads one vector of a text.</summary>
    internal virtual bool MixesStates => false;

    /// <summary>The sum of the losses of mixed states, (1 - share) of each row and share of its partner, for both their targets in these shares.</summary>
    internal virtual Tensor MixedLoss(Batch batch, Batch partners, double share, ForwardContext context) =>
        throw new NotSupportedException($"{GetType().Name} does not read one vector of a text");

    /// <summary>
    /// What a linear probe may learn of a row: a class at each labelled token, or at what the head reads of the text. Null: there is no such class.
    /// </summary>
    /// <param name="row">One that this model encoded.</param>
    internal virtual IReadOnlyList<ProbeTarget>? ProbeTargets(EncodedRow row) => null;

    /// <summary>What a user should know of the training rows before a run, for example labels that none of them has.</summary>
    internal virtual IEnumerable<string> WarningsAbout(IReadOnlyList<EncodedRow> rows) => [];

    /// <summary>The sum of the losses of the batch's targets, not divided by anything.</summary>
    /// <param name="batch">A batch that this model collated.</param>
    /// <param name="context">With or without dropout, and in which precision.</param>
    /// <returns>A scalar, float32; its gradient reaches every weight that trains.
    /// The loop divides it by the target count of the whole accumulation window.</returns>
    public abstract Tensor SumLoss(Batch batch, ForwardContext context);

    /// <summary>
    /// The sum of the losses, with its gradient added to that of every weight that trains; where the sum is not finite, gradients are not asked for.
    /// </summary>
    /// <remarks>By default <see cref="SumLoss"/> and its backward pass. A model whose loss spans more rows than fit in
    /// memory at once does it piece by piece.</remarks>
    /// <param name="batch">A batch that this model collated.</param>
    /// <param name="context">With dropout, and in which precision.</param>
    /// <exception cref="InvalidOptionsException">No weight that the loss depends on trains.</exception>
    public virtual double AddGradients(Batch batch, ForwardContext context)
    {
        return AddGradientsOf(SumLoss(batch, context));
    }

    /// <summary>Adds the gradient of a sum of losses to that of every weight that trains, where the sum is finite.</summary>
    /// <param name="loss">A scalar.</param>
    /// <returns>The sum.</returns>
    internal static double AddGradientsOf(Tensor loss)
    {
        if (loss.numel() != 1) throw new InvalidOperationException($"the model's loss has the shape [{string.Join(", ", loss.shape)}]; SumLoss gives a scalar");
        double sum = loss.Number();
        if (!double.IsFinite(sum)) return sum;
        if (!loss.requires_grad) throw NothingTrains();
        loss.backward();
        BackwardFaults.ThrowKept();
        return sum;
    }

    /// <summary>
    /// Whether the sum over a batch is that over its parts: a run that is short of memory then computes a batch in parts. False where rows of a batch are
    /// compared with each other. Default true.
    /// </summary>
    public virtual bool LossAddsOverRows => true;

    /// <summary>Whether all that <see cref="SumLoss"/> keeps exists before the backward pass begins.</summary>
    internal virtual bool KeepsWholeGraph => true;

    /// <summary>A fresh evaluation over a data set; batches are added to it one by one. To measure a model on data, call <c>Evaluate(data)</c>.</summary>
    public abstract IEvaluation NewEvaluation();

    /// <summary>The user's metrics, in the order in which they were added.</summary>
    public IReadOnlyList<UserMetric> UserMetrics => _metrics;

    /// <summary>What a user's metric gets of each row: the type of the target and that of the prediction. Null: the model takes none.</summary>
    public virtual (Type Target, Type Prediction)? MetricTypes => null;

    /// <summary>Whether evaluations need texts that the model writes.</summary>
    internal virtual bool Writes => false;

    /// <summary>Lets the model write some of the cases and adds what the user's metrics say of them.</summary>
    /// <param name="report">What was measured without writing.</param>
    /// <param name="cases">All that could be written.</param>
    /// <param name="watch">Told of it, and asked whether to go on.</param>
    /// <returns>Null where the time was up first.</returns>
    internal virtual MetricReport? AddWritten(MetricReport report, IReadOnlyList<WritingCase> cases, EvaluationWatch watch) => report;

    /// <summary>
    /// Adds a metric of the user's own: every evaluation shows it from now on, in a run's validation too, where weights may be compared by it.
    /// </summary>
    /// <param name="metric">Over the types that <see cref="MetricTypes"/> names.</param>
    /// <exception cref="InvalidOptionsException">The metric's types are others, or a metric of that name was added before.</exception>
    /// <remarks>Not while the model is trained or evaluated.</remarks>
    public void AddMetric(UserMetric metric)
    {
        ArgumentNullException.ThrowIfNull(metric);
        if (MetricTypes is not { } types)
            throw new InvalidOptionsException(
                [$"the metric '{metric.Name}' cannot be added: {GetType().Name} takes none (override MetricTypes and CollectMetrics)"]);
        if (metric.Types != types)
            throw new InvalidOptionsException(
                [$"the metric '{metric.Name}' is over targets of {metric.Types.Target} and predictions of {metric.Types.Prediction}; "
                    + $"the model's are {types.Target} and {types.Prediction}"]);
        if (_metrics.Exists(other => other.Name == metric.Name))
            throw new InvalidOptionsException([$"a metric '{metric.Name}' was added before; give it another name"]);
        _metrics.Add(metric);
    }

    /// <summary>Empty accumulators of the user's metrics, for one evaluation.</summary>
    /// <typeparam name="TTarget">As <see cref="MetricTypes"/> says.</typeparam>
    /// <typeparam name="TPrediction">As <see cref="MetricTypes"/> says.</typeparam>
    protected internal MetricCollector<TTarget, TPrediction> CollectMetrics<TTarget, TPrediction>() => new(_metrics);

    private protected static InvalidOptionsException NothingTrains() => new(["the loss does not depend on any weight that trains: freeze less"]);

    /// <summary>Sets what a model tunes on validation data, a threshold for example. The loop calls this at the end of a run.</summary>
    /// <param name="metrics">What the evaluation of the weights that the model has now reported.</param>
    public virtual void Calibrate(MetricReport metrics) => ArgumentNullException.ThrowIfNull(metrics);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        _adapters?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the weights, once the last who is inside has left; a run is cancelled.</summary>
    /// <param name="disposing">Always true: there is no finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Weights.Dispose();
    }
}

/// <summary>A model with a task: examples of one type go in.</summary>
/// <typeparam name="TExample">What the user trains on.</typeparam>
public abstract class TunableModel<TExample> : TunableModel
{
    /// <summary>Turns an example into a row; called once an example and run, from several threads at once.</summary>
    /// <param name="example">The user's record.</param>
    /// <param name="report">Where truncation, unknown labels and empty texts are counted.</param>
    /// <returns>The row. Null: nothing can be learned from the example, which <paramref name="report"/> has been told.</returns>
    /// <exception cref="TrainingDataException">The record makes the run worthless, for example its label is unknown.</exception>
    public abstract EncodedRow? Encode(TExample example, EncodingReport report);

    /// <summary>What the model could write in an evaluation. Null: the example has nothing to write from.</summary>
    /// <param name="example">One that was encoded.</param>
    internal virtual WritingCase? CaseOf(TExample example) => null;
}

/// <summary>An evaluation that streams: batches go in one by one, numbers come out at the end.</summary>
/// <remarks>Used on one thread, without gradients, inside a torch dispose scope per batch.</remarks>
public interface IEvaluation
{
    /// <summary>Computes outputs and loss of a batch and keeps what the metrics need of it.</summary>
    /// <param name="batch">A batch that the model collated.</param>
    /// <param name="context">Without dropout.</param>
    void Add(Batch batch, ForwardContext context);

    /// <summary>The metrics over all batches; <c>loss</c> is always among them.</summary>
    MetricReport Report();
}
