using Microsoft.Extensions.Logging;

namespace FineTuning.Diagnostics;

/// <summary>What heads write to the log; ids are stable.</summary>
internal static partial class HeadLog
{
    [LoggerMessage(81, LogLevel.Warning, "{Checkpoint}: the head was drawn fresh ({Tensors}) and nothing has trained it: what it answers means nothing")]
    public static partial void UntrainedHead(ILogger logger, string checkpoint, string tensors);

    [LoggerMessage(82, LogLevel.Warning, "{Option}")]
    public static partial void IgnoredOption(ILogger logger, string option);
}
