using System.Diagnostics;
using System.Globalization;
using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>What is known of a run while it goes on: counts, times, history; it tells the observer and makes the result.</summary>
internal sealed class RunRecord(TunableModel model, RowSet train, RowSet? validation, TrainingOptions options, RunObserver observer, Stopwatch? clock = null)
{
    // An evaluation may take so much more than the limit.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(0.5);

    private readonly Stopwatch _clock = clock ?? Stopwatch.StartNew();
    private readonly List<StepRecord> _history = [];
    private readonly List<EvaluationRecord> _evaluations = [];
    private readonly List<string> _warnings = [];
    private long _stepsInAnEpoch = 1, _totalSteps = 1, _tokens, _tokensOfStep, _computedTokens, _evaluationStarted;
    private int _emptySteps, _stepsAtEvaluation = -1;
    private TimeSpan _training;
    private EvaluationRecord? _best;

    /// <summary>The metric by which weights are compared.</summary>
    public string Metric { get; } = options.Metric ?? model.PrimaryMetric;

    /// <summary>Optimizer steps done.</summary>
    public long Steps => _history.Count;

    /// <summary>Why the run ends; null while it goes on.</summary>
    public StopReason? Stop { get; set; }

    /// <summary>Whether there were steps since the last evaluation.</summary>
    public bool EvaluationIsDue => _stepsAtEvaluation != Steps;

    private double Epochs => Steps / (double)_stepsInAnEpoch;

    public void Begin(long stepsInAnEpoch, long totalSteps)
    {
        (_stepsInAnEpoch, _totalSteps) = (stepsInAnEpoch, totalSteps);
        Describe(train.Report, "training");
        foreach (string warning in model.WarningsAbout(train.Rows)) Warn(warning);
        if (validation is not null) Describe(validation.Report, "validation");
        TrainingLog.Started(observer.Logger, model.Weights.ParameterCount(trainableOnly: true), model.Weights.ParameterCount(), train.Rows.Count, totalSteps);
    }

    public bool ShouldEnd(CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) Stop = StopReason.Cancelled;
        else if (options.TimeLimit is { } limit && _clock.Elapsed >= limit) Stop = StopReason.TimeLimit;
        return Stop is not null;
    }

    /// <summary>Whether an evaluation has to be given up.</summary>
    public bool EvaluationIsLate() => options.TimeLimit is { } limit && _clock.Elapsed >= limit + Grace;

    /// <summary>Notes that an evaluation was given up.</summary>
    public void GiveUpEvaluation()
    {
        Stop = StopReason.TimeLimit;
        Warn($"the evaluation after step {Steps} was given up: the time limit ({options.TimeLimit}) was over; it counts nowhere");
    }

    public void AddTokens(Batch batch)
    {
        _tokensOfStep += batch.RealTokens;
        _computedTokens += (long)batch.PaddedLength * batch.Rows.Count;
    }

    public void AddStep(double loss, double rate, double norm, TimeSpan duration)
    {
        _training += duration;
        _tokens += _tokensOfStep;
        _history.Add(new(Steps + 1, (Steps + 1) / (double)_stepsInAnEpoch, loss, rate, norm));
        observer.Step(Progress(TrainingPhase.Training), _history[^1], _tokensOfStep, duration);
        _tokensOfStep = 0;
    }

    public void AddEmptyStep(double rate)
    {
        if (_emptySteps++ == 0) Warn($"step {Steps + 1} had no targets at all and changed nothing; such steps are counted in the history with a loss of 0");
        _history.Add(new(Steps + 1, (Steps + 1) / (double)_stepsInAnEpoch, 0, rate, 0));
        _tokensOfStep = 0;
    }

    public void BeginEvaluation()
    {
        _evaluationStarted = Stopwatch.GetTimestamp();
        observer.Progress?.Invoke(Progress(TrainingPhase.Evaluating));
    }

    public void AddEvaluation(MetricReport report, bool isBest)
    {
        double loss = _history.Skip(Math.Max(0, _stepsAtEvaluation)).Select(step => step.Loss).DefaultIfEmpty(double.NaN).Average();
        var record = new EvaluationRecord(Steps, Epochs, loss, report, isBest);
        _stepsAtEvaluation = (int)Steps;
        _evaluations.Add(record);
        if (isBest || !options.KeepBest) _best = record;
        TrainingMeters.Evaluation(Stopwatch.GetElapsedTime(_evaluationStarted));
        TrainingLog.Evaluated(observer.Logger, Steps, Epochs, string.Join(", ", report.Values.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:0.####}"))));
        observer.Evaluated?.Invoke(record);
    }

    public void NoteIdleWeights(IReadOnlyList<string> names)
    {
        if (names.Count > 0) Warn($"{names.Count} weights get no gradient from the loss and stay as they are: {string.Join(", ", names.Take(5))}");
    }

    public TrainingResult Finish()
    {
        // The allocator keeps what batches of varying shapes leave behind; a service that trained should not.
        ProcessMemory.Trim();
        StopReason reason = Stop ?? StopReason.Completed;
        TrainingLog.Finished(observer.Logger, reason.ToString(), Steps, _clock.Elapsed.TotalSeconds, Metric, _best?.Metrics[Metric] ?? double.NaN);
        observer.Progress?.Invoke(Progress(TrainingPhase.Finished));
        return new TrainingResult
        {
            StopReason = reason,
            Steps = Steps,
            Epochs = Epochs,
            History = _history,
            Evaluations = _evaluations,
            Best = _best,
            Metric = Metric,
            TrainingData = train.Report,
            ValidationData = validation?.Report,
            TrainingRows = train.Rows.Count,
            ValidationRows = validation?.Rows.Count ?? 0,
            Parameters = (model.Weights.ParameterCount(trainableOnly: true), model.Weights.ParameterCount()),
            Elapsed = _clock.Elapsed,
            TrainingTime = _training,
            Tokens = _tokens,
            PaddingShare = _computedTokens == 0 ? 0 : 1 - (_tokens / (double)_computedTokens),
            PeakMemory = ProcessMemory.Peak,
            Options = options,
            Warnings = _warnings,
        };
    }

    private TrainingProgress Progress(TrainingPhase phase)
    {
        StepRecord last = _history.Count == 0 ? new(0, 0, double.NaN, 0, 0) : _history[^1];
        TimeSpan? remaining = Steps == 0 ? null : TimeSpan.FromSeconds(_clock.Elapsed.TotalSeconds / Steps * Math.Max(0, _totalSteps - Steps));
        double speed = _training > TimeSpan.Zero ? _tokens / _training.TotalSeconds : 0;
        return new()
        {
            Phase = phase, Step = Steps, TotalSteps = _totalSteps, Epoch = Epochs, Loss = last.Loss, LearningRate = last.LearningRate,
            TokensPerSecond = speed, Elapsed = _clock.Elapsed, Remaining = remaining,
        };
    }

    private void Describe(EncodingSummary report, string data)
    {
        if (report.TruncatedExamples > 0) Warn($"{report.TruncatedExamples} {data} examples were cut at the maximal length and lost {report.TruncatedTokens} tokens");
        if (report.EmptyTexts > 0) Warn($"{report.EmptyTexts} {data} texts are empty");
        foreach ((string what, int count) in report.Remarks) Warn($"{data} data: {what}: {count}{report.NamesOf(what)}");
        foreach ((string reason, int count) in report.Skipped) Warn($"{count} {data} examples were left out: {reason}{report.NamesOf(reason)}");
    }

    private void Warn(string warning)
    {
        _warnings.Add(warning);
        TrainingLog.Warning(observer.Logger, warning);
    }
}
