using System.Diagnostics;
using System.Globalization;
using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>What is known of a run while it goes on: counts, times, history; it tells the observer and makes the result.</summary>
internal sealed class RunRecord(TunableModel model, RowSet train, RowSet? validation, TrainingOptions options, RunObserver observer, RunClock? clock = null)
{
    // An evaluation may take so much more than the limit.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(0.5);
    private const int LeapsShown = 3;

    private readonly RunClock _clock = clock ?? new RunClock(observer.Time, options.TimeLimit);
    private readonly List<EvaluationRecord> _evaluations = [];
    private readonly List<string> _warnings = [];
    private RunCounters _counters = new();
    private StepHistory _history = new();
    private TimeSpan _before;
    private long _tokensOfStep, _computedOfStep, _evaluationStarted;

    /// <summary>What is trained and evaluated on.</summary>
    public (RowSet Train, RowSet? Validation) Rows => (train, validation);

    /// <summary>The last evaluation; null before the first.</summary>
    public EvaluationRecord? LastEvaluation => _evaluations.LastOrDefault();

    /// <summary>What became of hidden states of layers that do not train.</summary>
    public IList<FrozenStateUse> FrozenStates { get; } = [];

    /// <summary>Where messages go.</summary>
    public Microsoft.Extensions.Logging.ILogger Logger => observer.Logger;

    /// <summary>The loss of the last step; NaN before the first.</summary>
    public double LastLoss => _history.Last?.Loss ?? double.NaN;

    /// <summary>What ended the run before it was over.</summary>
    public Exception? Failure { get; set; }

    /// <summary>The newest checkpoint that is whole; null: there is none.</summary>
    public string? Checkpoint { get; set; }

    /// <summary>The metric by which weights are compared.</summary>
    public string Metric { get; } = options.Metric ?? model.PrimaryMetric;

    /// <summary>How long the run is.</summary>
    public RunLength Length { get; private set; } = new(1, 1);

    /// <summary>Optimizer steps done.</summary>
    public long Steps => _counters.Steps;

    /// <summary>Why the run ends; null while it goes on.</summary>
    public StopReason? Stop { get; set; }

    /// <summary>Whether all steps are done or something else ended the run.</summary>
    public bool IsOver => Stop is not null || Steps >= Length.TotalSteps;

    /// <summary>Whether there were steps since the last evaluation, or none at all yet.</summary>
    public bool EvaluationIsDue => _counters.StepsAtEvaluation != Steps;

    private double Epochs => Steps / (double)Length.StepsInAnEpoch;

    private TimeSpan Elapsed => _before + _clock.Elapsed;

    private EvaluationRecord? Best => options.KeepBest ? _evaluations.FindLast(record => record.IsBest) : _evaluations.LastOrDefault();

    public void Begin(RunLength length)
    {
        Length = length;
        Describe(train.Report, "training");
        if (train.Warning is { } ofRows) Warn(ofRows);
        foreach (string warning in model.WarningsAbout(train.Rows)) Warn(warning);
        if (validation is not null) Describe(validation.Report, "validation");
        TrainingLog.Started(
            observer.Logger, model.Weights.ParameterCount(trainableOnly: true), model.Weights.ParameterCount(), train.Rows.Count, length.TotalSteps);
    }

    public bool ShouldEnd(CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) Stop = StopReason.Cancelled;
        else if (options.TimeLimit is { } limit && Elapsed >= limit) Stop = StopReason.TimeLimit;
        return Stop is not null;
    }

    /// <summary>Whether an evaluation has to be given up.</summary>
    public bool EvaluationIsLate() => options.TimeLimit is { } limit && Elapsed - limit >= Grace;

    /// <summary>Notes that an evaluation was given up.</summary>
    public void GiveUpEvaluation()
    {
        Stop = StopReason.TimeLimit;
        Warn($"the evaluation after step {Steps} was given up: the time limit ({options.TimeLimit}) was over; it counts nowhere");
    }

    public void BeginStep() => (_tokensOfStep, _computedOfStep) = (0, 0);

    public void AddTokens(Batch batch)
    {
        _tokensOfStep += batch.RealTokens;
        _computedOfStep += batch.ComputedTokens;
    }

    /// <summary>Counts a step.</summary>
    public void AddStep(double loss, double rate, double norm, TimeSpan duration)
    {
        _counters = _counters with { Training = _counters.Training + duration, Tokens = _counters.Tokens + _tokensOfStep };
        Watch(loss);
        Add(loss, rate, norm);
    }

    /// <summary>Tells of the step that was counted last: who is told may throw, and the run's state is whole.</summary>
    public void TellStep(TimeSpan duration) => observer.Step(Progress(TrainingPhase.Training), _history.Last!.Value, _tokensOfStep, duration);

    /// <summary>Tells of a checkpoint.</summary>
    public void Tell(CheckpointReport report)
    {
        if (report.Problem is null) TrainingLog.Checkpoint(observer.Logger, report.Step, report.Folder, report.Bytes);
        observer.Checkpoint?.Invoke(report);
    }

    public void AddEmptyStep(double rate)
    {
        if (_counters.EmptySteps == 0)
            Warn($"step {Steps + 1} had no targets at all and changed nothing; such steps are counted in the history with a loss of 0");
        _counters = _counters with { EmptySteps = _counters.EmptySteps + 1 };
        Add(0, rate, 0);
    }

    /// <summary>Counts a step that was left out.</summary>
    public void AddSkippedStep(double rate) => Add(0, rate, 0);

    public void BeginEvaluation()
    {
        _evaluationStarted = Stopwatch.GetTimestamp();
        observer.Progress?.Invoke(Progress(TrainingPhase.Evaluating));
    }

    /// <summary>Tells the observer how many texts of an evaluation are written.</summary>
    public void NoteWritten(int texts, int all) => observer.Progress?.Invoke(Progress(TrainingPhase.Evaluating, texts: (texts, all)));

    /// <summary>Tells the observer of how many rows the states are kept.</summary>
    public void NoteKept(int rows, int all) => observer.Progress?.Invoke(Progress(TrainingPhase.KeepingStates, rows: (rows, all)));

    public void AddEvaluation(MetricReport report, bool isBest)
    {
        double loss = _counters.StepsSinceEvaluation == 0 ? double.NaN : _counters.LossSinceEvaluation / _counters.StepsSinceEvaluation;
        var record = new EvaluationRecord(Steps, Epochs, loss, report, isBest);
        _counters = _counters with { StepsAtEvaluation = Steps, LossSinceEvaluation = 0, StepsSinceEvaluation = 0 };
        _evaluations.Add(record);
        ThinDetails();
        TrainingMeters.Evaluation(Stopwatch.GetElapsedTime(_evaluationStarted));
        TrainingLog.Evaluated(
            observer.Logger, Steps, Epochs,
            string.Join(", ", report.Values.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:0.####}"))));
        observer.Evaluated?.Invoke(record);
    }

    public void NoteIdleWeights(IReadOnlyList<string> names)
    {
        if (names.Count > 0) Warn($"{names.Count} weights get no gradient from the loss and stay as they are: {string.Join(", ", names.Take(5))}");
    }

    /// <summary>What goes into the run's state; the state's other parts are left to the caller.</summary>
    public (RunCounters Counters, HistoryValues History, IReadOnlyList<EvaluationRecord> Evaluations, IReadOnlyList<string> Warnings) Export() =>
        (_counters with { Elapsed = Elapsed }, _history.Values(), [.. _evaluations], [.. _warnings]);

    /// <param name="state">What is taken over.</param>
    /// <param name="isReturn">Whether it is an earlier state of this run: its time is spent all the same, its tokens are computed.</param>
    public void Import(RunState state, bool isReturn)
    {
        (RunCounters now, _counters, _history) = (_counters, state.Counters, StepHistory.From(state.History));
        if (isReturn) _counters = _counters with { Training = now.Training, Tokens = now.Tokens, ComputedTokens = now.ComputedTokens };
        else _before = state.Counters.Elapsed;
        _evaluations.Clear();
        _evaluations.AddRange(state.Evaluations);
        // What was said already in the same words is not said twice.
        string[] own = [.. _warnings.Except(state.Warnings)];
        _warnings.Clear();
        _warnings.AddRange([.. state.Warnings, .. own]);
    }

    public TrainingResult Finish()
    {
        // The allocator keeps what batches of varying shapes leave behind; a service that trained should not.
        ProcessMemory.Trim();
        StopReason reason = Stop ?? StopReason.Completed;
        if (_counters.Leaps.Count > LeapsShown) Warn($"the loss leapt in {_counters.Leaps.Count} steps in all");
        if (Overfitting.Find(_evaluations) is { } sign) Warn(sign.Describe(options));
        TrainingLog.Finished(observer.Logger, reason.ToString(), Steps, Elapsed.TotalSeconds, Metric, Best?.Metrics[Metric] ?? double.NaN);
        observer.Progress?.Invoke(Progress(TrainingPhase.Finished));
        return Result(reason);
    }

    /// <summary>What the run has come to so far.</summary>
    public TrainingResult Result(StopReason reason)
    {
        HistoryValues history = _history.Values();
        return new TrainingResult
        {
            StopReason = reason,
            Steps = Steps,
            Epochs = Epochs,
            History = history.Steps,
            SmoothedLoss = history.SmoothedLoss,
            Evaluations = [.. _evaluations],
            Best = Best,
            Metric = Metric,
            TrainingData = train.Report,
            ValidationData = validation?.Report,
            TrainingRows = train.Rows.Count,
            ValidationRows = validation?.Rows.Count ?? 0,
            Parameters = (model.Weights.ParameterCount(trainableOnly: true), model.Weights.ParameterCount()),
            Elapsed = Elapsed,
            TrainingTime = _counters.Training,
            Tokens = _counters.Tokens,
            PaddingShare = _counters.ComputedTokens == 0 ? 0 : 1 - (_counters.Tokens / (double)_counters.ComputedTokens),
            PeakMemory = ProcessMemory.Peak,
            Options = options,
            Warnings = [.. _warnings],
            Checkpoint = Checkpoint,
            FrozenStates = [.. FrozenStates],
            Overfitting = Overfitting.Find(_evaluations),
        };
    }

    private void Watch(double loss)
    {
        LossLeaps leaps = _counters.Leaps;
        if (leaps.IsLeap(loss) && leaps.Count < LeapsShown)
        {
            Warn(string.Create(CultureInfo.InvariantCulture,
                $"the loss leapt to {loss:g4} in step {Steps + 1}; the steps before it had {leaps.Mean:g4} on average: look at the records of this step"));
        }
        _counters = _counters with { Leaps = leaps.With(loss) };
    }

    private void Add(double loss, double rate, double norm)
    {
        long steps = Steps + 1;
        var step = new StepRecord(steps, steps / (double)Length.StepsInAnEpoch, loss, rate, norm);
        _history.Add(step);
        _counters = _counters with
        {
            Steps = steps, ComputedTokens = _counters.ComputedTokens + _computedOfStep,
            LossSinceEvaluation = _counters.LossSinceEvaluation + loss, StepsSinceEvaluation = _counters.StepsSinceEvaluation + 1,
        };
    }

    // Confusion matrices of many labels and written texts are large, and only those of the best and of the last evaluation are looked at.
    private void ThinDetails()
    {
        EvaluationRecord? best = Best;
        for (int i = 0; i < _evaluations.Count - 1; i++)
        {
            EvaluationRecord record = _evaluations[i];
            if ((record.Metrics.Confusion is null && record.Metrics.Samples.Count == 0) || ReferenceEquals(record, best)) continue;
            _evaluations[i] = record with { Metrics = record.Metrics.WithoutDetails() };
        }
    }

    private TrainingProgress Progress(TrainingPhase phase, (int Done, int All) texts = default, (int Done, int All) rows = default)
    {
        StepRecord last = _history.Last ?? new(0, 0, double.NaN, 0, 0);
        return new()
        {
            Phase = phase, Step = Steps, TotalSteps = Length.TotalSteps, Epoch = Epochs, Loss = last.Loss, LearningRate = last.LearningRate,
            Tokens = _counters.Tokens,
            TokensPerSecond = _counters.Training > TimeSpan.Zero ? _counters.Tokens / _counters.Training.TotalSeconds : 0,
            Elapsed = Elapsed, TextsWritten = texts.Done, TextsToWrite = texts.All, RowsKept = rows.Done, RowsToKeep = rows.All,
            Remaining = Steps == 0 ? null : TimeSpan.FromSeconds(Elapsed.TotalSeconds / Steps * Math.Max(0, Length.TotalSteps - Steps)),
        };
    }

    private void Describe(EncodingSummary report, string data)
    {
        if (report.TruncatedExamples > 0)
            Warn($"{report.TruncatedExamples} {data} examples were cut at the maximal length and lost {report.TruncatedTokens} tokens");
        if (report.EmptyTexts > 0) Warn($"{report.EmptyTexts} {data} texts are empty");
        foreach ((string what, int count) in report.Notes) Warn($"{data} data: {what}: {count}{report.NamesOf(what)}");
        foreach ((string reason, int count) in report.Skipped) Warn($"{count} {data} examples were left out: {reason}{report.NamesOf(reason)}");
    }

    /// <summary>Tells the user something that is worth knowing.</summary>
    public void Warn(string warning)
    {
        if (_warnings.Contains(warning)) return;
        _warnings.Add(warning);
        TrainingLog.Warning(observer.Logger, warning);
    }
}
