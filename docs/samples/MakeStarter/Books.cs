using System.IO.Compression;
using System.Text.RegularExpressions;

namespace MakeStarter;

/// <summary>Sentences of books as Project Gutenberg keeps them.</summary>
internal static partial class Books
{
    private const int ShortestSentence = 12;
    private const int LongestSentence = 240;

    /// <summary>The sentences between the marks that begin and end the book; headings and very long sentences are left out.</summary>
    public static IEnumerable<string> Sentences(string path)
    {
        string text = ReadText(path);
        if (BeginMark().Match(text) is { Success: true } begin) text = text[(begin.Index + begin.Length)..];
        if (EndMark().Match(text) is { Success: true } end) text = text[..end.Index];
        return BlankLines().Split(text.ReplaceLineEndings("\n")).SelectMany(Split);
    }

    /// <summary>A paragraph's sentences, each on one line.</summary>
    public static IEnumerable<string> Split(string paragraph) =>
        SentenceEnd().Split(WhiteSpace().Replace(paragraph, " ").Replace("_", "", StringComparison.Ordinal).Trim())
            .Where(sentence => sentence.Length is >= ShortestSentence and <= LongestSentence && sentence.Any(char.IsAsciiLetterLower));

    /// <summary>A whole text file, unpacked where its name ends in .gz.</summary>
    private static string ReadText(string path)
    {
        using Stream file = File.OpenRead(path);
        using Stream plain = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(plain);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\*\*\* ?START OF TH[^\n]*\n")]
    private static partial Regex BeginMark();

    [GeneratedRegex(@"\*\*\* ?END OF TH|\nEnd of (the )?Project Gutenberg")]
    private static partial Regex EndMark();

    [GeneratedRegex(@"\n\s*\n")]
    private static partial Regex BlankLines();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    // A full stop after one letter or a title ends no sentence.
    [GeneratedRegex(@"(?<=[.!?][""'’”)]*)(?<!\b(?:Mr|Mrs|Ms|Dr|St|No|[A-Z])\.) (?=[""'‘“(]*[A-Z0-9])")]
    private static partial Regex SentenceEnd();
}
