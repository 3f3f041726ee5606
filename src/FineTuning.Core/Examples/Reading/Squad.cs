using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>Questions about texts, in the format of SQuAD 1.1 and 2.0 and of the many data sets that follow it.</summary>
/// <remarks>
/// Offsets are counted in code points there and in UTF-16 units here. Answers that do not stand where the file says are reported; without a handler the first
/// one is thrown. A handler lets reading go on: the record keeps what the file says, and the model that is trained on it decides
/// (<c>QuestionAnswererOptions.MismatchedAnswers</c>). Plausible answers of unanswerable questions are no answers.
/// </remarks>
public static class Squad
{
    /// <summary>Reads a file with articles, paragraphs and questions, one article at a time.</summary>
    /// <param name="path">The file; opened again for each enumeration of the questions.</param>
    /// <param name="options">The key of the articles (default <c>data</c>), limits, and what happens with problems; null: the defaults.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: the file is no valid JSON or has no articles, or,
    /// without a handler, a record is wrong.</exception>
    public static IEnumerable<AnsweredQuestion> Read(string path, JsonReadingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        options = (options ?? new JsonReadingOptions()).Validated();
        return Enumerate(path, options);
    }

    /// <summary>
    /// Reads JSON lines with one question a line, as the datasets library keeps SQuAD: answers are lists <c>text</c> and <c>answer_start</c>.
    /// </summary>
    /// <param name="path">The file; opened again for each enumeration of the questions.</param>
    /// <param name="options">Limits, and what happens with problems. Null: the defaults.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a line is no valid JSON, or, without a handler, a record is wrong.</exception>
    public static IEnumerable<AnsweredQuestion> ReadLines(string path, JsonReadingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        options = (options ?? new JsonReadingOptions()).Validated();
        return EnumerateLines(path, options);
    }

    private static IEnumerable<AnsweredQuestion> Enumerate(string path, JsonReadingOptions options)
    {
        var problems = new ProblemSink(path, options.OnProblem);
        var questions = new SquadQuestions(problems);
        using var articles = new JsonListStream(path, options.Field ?? "data", options, problems);
        bool any = false;
        for (int article = 1; articles.Next() is { } element; article++)
        {
            if (!JsonChecks.ReportKeys(element, null, problems)) continue;
            foreach (AnsweredQuestion question in questions.OfArticle(element, article))
            {
                any = true;
                yield return question;
            }
        }
        if (!any) problems.Error(null, "the file holds no questions");
    }

    private static IEnumerable<AnsweredQuestion> EnumerateLines(string path, JsonReadingOptions options)
    {
        var questions = new SquadQuestions(new ProblemSink(path, options.OnProblem));
        foreach (JsonRow row in JsonLines.Read(path, options))
        {
            if (questions.OfLine(row.Element, row.Line) is { } question) yield return question;
        }
    }
}
