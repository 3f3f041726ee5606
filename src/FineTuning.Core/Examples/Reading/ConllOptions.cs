using System.Text;

namespace FineTuning.Examples;

/// <summary>What stands between two columns of a CoNLL file.</summary>
public enum ConllSeparator
{
    /// <summary>One tab: words may hold spaces.</summary>
    Tab,

    /// <summary>Any run of spaces and tabs.</summary>
    Spaces,
}

/// <summary>How a file of one word a line is read.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record ConllOptions
{
    /// <summary>What stands between two columns. Default: a tab.</summary>
    public ConllSeparator Separator { get; init; } = ConllSeparator.Tab;

    /// <summary>The column of the word, from 0; negative: from the end; -10,000 to 10,000. Default 0.</summary>
    public int WordColumn { get; init; }

    /// <summary>The column of the tag, from 0; negative: from the end; -10,000 to 10,000. Default -1, the last.</summary>
    public int TagColumn { get; init; } = -1;

    /// <summary>What comment lines begin with, for example "# ". Null (default): there are none, and a line that begins with # is data.</summary>
    public string? Comments { get; init; }

    /// <summary>How the tags say where entities begin and end. Default IOB2.</summary>
    public TaggingScheme Scheme { get; init; } = TaggingScheme.Iob2;

    /// <summary>The encoding of a file without a byte order mark. Null (default): UTF-8. Bytes that do not fit are an error in either case.</summary>
    public Encoding? Encoding { get; init; }

    /// <summary>The most characters of a line. Default 1,048,576.</summary>
    public int LongestLine { get; init; } = 1 << 20;

    /// <summary>The most words of a sentence. Default 100,000.</summary>
    public int LongestSentence { get; init; } = 100_000;

    /// <summary>
    /// Told of every problem. Sentences whose tags are broken (an I that follows nothing) are then read all the same; lines that cannot be read are an
    /// error at the end of the file. Null (default): the first problem is thrown.
    /// </summary>
    public Action<DataProblem>? OnProblem { get; init; }
}

/// <summary>A sentence of a CoNLL file, with its line.</summary>
/// <param name="Words">The words.</param>
/// <param name="Tags">One a word, as they stand in the file.</param>
/// <param name="File">The file.</param>
/// <param name="Line">The line of the first word, from 1.</param>
public sealed record ConllSentence(IReadOnlyList<string> Words, IReadOnlyList<string> Tags, string File, int Line) : TaggedWords(Words, Tags);
