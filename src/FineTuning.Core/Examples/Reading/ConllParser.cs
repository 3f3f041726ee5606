using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>From lines to sentences, with what is wrong on which line.</summary>
internal sealed class ConllParser(string path, ConllOptions options, ProblemSink problems)
{
    private const string DocumentMark = "-DOCSTART-";

    private static readonly char[] Blanks = [' ', '\t'];

    private readonly List<string> _words = [];
    private readonly List<string> _tags = [];
    private readonly List<int> _lines = [];
    private (int Line, string Message)? _unreadable;
    private int? _columns;
    private int _document, _sentences, _brokenTags;
    private bool _any, _beginnings, _spoiled;

    /// <summary>Takes a line; a sentence where it ends one.</summary>
    public ConllSentence? Take(string line, int number)
    {
        if (options.Comments is { } comments && line.StartsWith(comments, StringComparison.Ordinal)) return null;
        if (line.AsSpan().Trim(" \t").Length == 0) return Finish();
        string[] columns = options.Separator == ConllSeparator.Tab ? line.Split('\t') : line.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
        if (columns[0].Trim(' ') == DocumentMark)
        {
            ConllSentence? ended = Finish();
            if (_any) _document++;
            _any = true;
            return ended;
        }
        _any = true;
        Add(columns, number);
        return null;
    }

    /// <summary>The sentence so far; null where it has no word or cannot be read.</summary>
    public ConllSentence? Finish()
    {
        ConllSentence? sentence = null;
        if (_words.Count > 0 && !_spoiled)
        {
            Check();
            if (!_spoiled) sentence = new([.. _words], [.. _tags], path, _lines[0]) { Scheme = options.Scheme, Document = _document };
        }
        if (_words.Count > 0 || _spoiled) _sentences++;
        _words.Clear();
        _tags.Clear();
        _lines.Clear();
        _spoiled = false;
        return sentence;
    }

    /// <summary>What can be said only at the end of the file.</summary>
    /// <exception cref="TrainingDataException">Lines could not be read.</exception>
    public void Report()
    {
        if (_unreadable is { } first) throw problems.Refusal(first.Line, $"{first.Message}; the file cannot be used before this is put right");
        if (_sentences == 0) problems.Error(null, "the file holds no sentences");
        if (_brokenTags > 0 && Suspicion() is { } suspicion) problems.Warn(null, $"{_brokenTags} tags are not well formed, and {suspicion}");
    }

    private void Add(string[] columns, int number)
    {
        if (_columns is null) CheckFirst(columns, number);
        if (columns.Length != _columns)
        {
            string missing = columns.Length == _columns - 1 ? ": the tag is missing, perhaps" : "";
            Unreadable(number, $"{columns.Length} column{(columns.Length == 1 ? "" : "s")} where the first line has {_columns}{missing}");
            return;
        }
        if (_words.Count >= options.LongestSentence)
            throw problems.Refusal(number, $"the sentence that begins on line {_lines[0]} has more than {options.LongestSentence:N0} words; "
                + "blank lines end sentences (LongestSentence, if it is meant)");
        string word = columns[ColumnIndex(options.WordColumn)], tag = columns[ColumnIndex(options.TagColumn)];
        if (word.Length == 0)
        {
            Unreadable(number, "the token is empty");
            return;
        }
        _words.Add(word);
        _tags.Add(tag);
        _lines.Add(number);
        _beginnings |= tag.StartsWith("B-", StringComparison.Ordinal);
    }

    private void CheckFirst(string[] columns, int number)
    {
        int needed = Math.Max(2, Math.Max(Needed(options.WordColumn), Needed(options.TagColumn)));
        _columns = columns.Length;
        if (columns.Length >= needed) return;
        bool other = options.Separator == ConllSeparator.Tab && columns[0].AsSpan().IndexOf(' ') >= 0;
        string advice = other ? ": the file seems to be separated by spaces (Separator = ConllSeparator.Spaces)"
            : "; name the columns (WordColumn, TagColumn), or Comments where such lines are none of the data";
        string message = $"{(columns.Length == 1 ? "one column" : $"{columns.Length} columns")} where at least {needed} are needed{advice}";
        problems.Error(number, message);
        throw problems.Refusal(number, message);
    }

    private static int Needed(int column) => column >= 0 ? column + 1 : -column;

    private int ColumnIndex(int column) => column >= 0 ? column : _columns!.Value + column;

    private void Check()
    {
        foreach (TagProblem problem in TagSequence.Problems(_tags, options.Scheme))
        {
            int line = _lines[problem.Word];
            if (!problem.IsReadable)
            {
                Unreadable(line, problem.Message);
                continue;
            }
            _brokenTags++;
            problems.Error(line, Suspicion() is { } suspicion ? $"{problem.Message}; {suspicion}" : problem.Message);
        }
    }

    private string? Suspicion() => options.Scheme == TaggingScheme.Iob2 && !_beginnings ? "no B- tag was found: this looks like IOB1" : null;

    /// <summary>Without a handler it is thrown at once; with one, reading goes on for further reports and fails at the end.</summary>
    private void Unreadable(int line, string message)
    {
        problems.Error(line, message);
        _unreadable ??= (line, message);
        _spoiled = true;
    }
}
