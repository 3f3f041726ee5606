using System.Collections;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>A file of one word a line, in columns, with blank lines between sentences: its sentences, streamed.</summary>
/// <remarks>
/// A line of spaces and tabs ends a sentence; a -DOCSTART- line begins a document and is no sentence.
/// Immutable; each enumeration opens the file and holds one sentence at a time. Enumerations may run at once.
/// </remarks>
public sealed class ConllFile : IEnumerable<ConllSentence>
{
    private const int FurthestColumn = 10_000;
    private readonly string _path;
    private readonly ConllOptions _options;

    private ConllFile(string path, ConllOptions options) => (_path, _options) = (path, options);

    /// <summary>Reads a CoNLL file.</summary>
    /// <param name="path">The file; opened again for each enumeration of the sentences.</param>
    /// <param name="options">Columns, separator, scheme. Null: the defaults.</param>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    public static ConllFile Read(string path, ConllOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        options ??= new ConllOptions();
        var violations = new List<string>();
        if (options.LongestLine < 1) violations.Add($"LongestLine is {options.LongestLine}: it is 1 or more");
        if (options.LongestSentence < 1) violations.Add($"LongestSentence is {options.LongestSentence}: it is 1 or more");
        if (options.Comments is "") violations.Add("Comments is empty: every line would be a comment; null means that there are none");
        foreach ((string name, int column) in new[] { (nameof(options.WordColumn), options.WordColumn), (nameof(options.TagColumn), options.TagColumn) })
        {
            if (column is < -FurthestColumn or > FurthestColumn) violations.Add($"{name} is {column}: it is from -{FurthestColumn} to {FurthestColumn}");
        }
        if (options.WordColumn == options.TagColumn) violations.Add($"WordColumn and TagColumn are both {options.WordColumn}");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return new(path, options);
    }

    /// <inheritdoc/>
    public IEnumerator<ConllSentence> GetEnumerator()
    {
        var problems = new ProblemSink(_path, _options.OnProblem);
        using var source = new TextSource(_path, _options.Encoding, problems);
        var lines = new LineReader(source, problems, _options.LongestLine);
        var parser = new ConllParser(_path, _options, problems);
        while (lines.Read() is { } line)
        {
            if (parser.Take(line, lines.Number) is { } sentence) yield return sentence;
        }
        if (parser.Finish() is { } last) yield return last;
        parser.Report();
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
