namespace FineTuning.Errors;

/// <summary>A chat template cannot be read, failed while it was rendered, refused the conversation, or asked for more than a template may use.</summary>
public sealed class ChatTemplateException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="problem">What was found, what was expected, and what to do.</param>
    /// <param name="line">The line of the template, from 1. Null: not about a line.</param>
    /// <param name="isRefusal">Whether the template itself raised it (<c>raise_exception</c>).</param>
    /// <param name="innerException">The cause, where there is one.</param>
    /// <param name="origin">Where the template stands: a file, and its name there where it has one. Null: it was given as a text.</param>
    public ChatTemplateException(string problem, int? line = null, bool isRefusal = false, Exception? innerException = null, string? origin = null)
        : base($"chat template{(origin is null ? "" : $" {origin}")}{(line is null ? "" : $", line {line}")}: {Shortened.Of(problem)}", innerException) =>
        (Problem, Line, IsRefusal, Origin) = (problem, line, isRefusal, origin);

    /// <summary>What is wrong, without file and line; where the template refused, its own words in full.</summary>
    public string Problem { get; }

    /// <summary>Where the template stands: a file, and its name there where it has one. Null: it was given as a text.</summary>
    public string? Origin { get; }

    /// <summary>The line of the template, from 1. Null: not about a line.</summary>
    public int? Line { get; }

    /// <summary>Whether the template itself raised it (<c>raise_exception</c>).</summary>
    public bool IsRefusal { get; }
}
