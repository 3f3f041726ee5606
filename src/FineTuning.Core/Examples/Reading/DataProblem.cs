using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>Something in a data file that the user should know.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The physical line, from 1. Null: the file as a whole.</param>
/// <param name="Message">What was found, what was expected, what to do.</param>
/// <param name="IsError">True: a strict reader stops here; false: a warning.</param>
public sealed record DataProblem(string File, int? Line, string Message, bool IsError)
{
    /// <inheritdoc/>
    public override string ToString() => Line is null ? $"{File}: {Message}" : $"{File}, line {Line}: {Message}";
}

/// <summary>Where a reader's problems go: to the user's handler, or, without one, errors are thrown.</summary>
internal sealed class ProblemSink(string file, Action<DataProblem>? handler)
{
    public string File { get; } = file;

    /// <summary>An error after which a lenient reader goes on.</summary>
    public void Error(int? line, string message)
    {
        if (handler is null) throw Refusal(line, message);
        handler(new(File, line, MessageText.Message(message), IsError: true));
    }

    public void Warn(int? line, string message) => handler?.Invoke(new(File, line, MessageText.Message(message), IsError: false));

    /// <summary>An error after which no reader goes on.</summary>
    public TrainingDataException Refusal(int? line, string message, Exception? cause = null) =>
        new(new DataProblem(File, line, MessageText.Message(message), true).ToString(), cause);
}
