using Microsoft.Extensions.Logging;

namespace FineTuning.Diagnostics;

/// <summary>What encoding conversations writes to the log; ids are stable.</summary>
internal static partial class ChatLog
{
    [LoggerMessage(61, LogLevel.Information, "{Folder} has no chat template: ChatML is taken instead{Addition}")]
    public static partial void Fallback(ILogger logger, string folder, string addition);

    [LoggerMessage(62, LogLevel.Warning, "Conversation: {Problem}")]
    public static partial void Problem(ILogger logger, string problem);
}
