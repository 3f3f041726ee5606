using Microsoft.Extensions.Logging;

namespace FineTuning.Diagnostics;

/// <summary>What a run writes to the log; ids are stable.</summary>
internal static partial class TrainingLog
{
    [LoggerMessage(1, LogLevel.Information, "Training {TrainableParameters} of {Parameters} parameters on {Rows} rows, {TotalSteps} steps")]
    public static partial void Started(ILogger logger, long trainableParameters, long parameters, int rows, long totalSteps);

    [LoggerMessage(2, LogLevel.Debug, "Step {Step}: loss {Loss}, learning rate {LearningRate}, gradient norm {GradientNorm}")]
    public static partial void Step(ILogger logger, long step, double loss, double learningRate, double gradientNorm);

    [LoggerMessage(3, LogLevel.Information, "Step {Step}, epoch {Epoch}: {Metrics}")]
    public static partial void Evaluated(ILogger logger, long step, double epoch, string metrics);

    [LoggerMessage(4, LogLevel.Information, "{Reason} after {Steps} steps in {Seconds} s; best {Metric} {Value}")]
    public static partial void Finished(ILogger logger, string reason, long steps, double seconds, string metric, double value);

    [LoggerMessage(5, LogLevel.Warning, "{Warning}")]
    public static partial void Warning(ILogger logger, string warning);

    [LoggerMessage(7, LogLevel.Debug, "Checkpoint of step {Step} in {Folder}, {Bytes} bytes")]
    public static partial void Checkpoint(ILogger logger, long step, string folder, long bytes);

    [LoggerMessage(8, LogLevel.Information,
        "Keeping the states of the {Layers} lowest layers, which do not train: about {Memory} MB in memory and {Disk} MB on disk")]
    public static partial void KeepingStates(ILogger logger, int layers, long memory, long disk);

    [LoggerMessage(9, LogLevel.Information, "{Rows} rows were encoded into {Folder}, {Bytes} bytes")]
    public static partial void RowsWritten(ILogger logger, int rows, string folder, long bytes);

    [LoggerMessage(10, LogLevel.Information, "{Rows} rows are read from {Folder}: data, tokenizer and options are those that they were encoded from")]
    public static partial void RowsReused(ILogger logger, int rows, string folder);

    [LoggerMessage(6, LogLevel.Error, "Step {Step} diverged: {Problem}")]
    public static partial void Diverged(ILogger logger, long step, string problem);
}
