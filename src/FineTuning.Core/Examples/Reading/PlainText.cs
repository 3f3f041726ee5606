using System.Text;

namespace FineTuning.Examples;

/// <summary>What of a text file is one text.</summary>
public enum TextUnit
{
    /// <summary>Each line.</summary>
    Line,

    /// <summary>Lines up to a blank one, joined by line ends.</summary>
    Paragraph,

    /// <summary>The whole file.</summary>
    File,
}

/// <summary>Plain texts from files.</summary>
public static class PlainText
{
    private const int Longest = 1 << 28;

    /// <summary>Reads a text file; blank lines are no texts.</summary>
    /// <param name="path">The file, in UTF-8 or with a byte order mark; opened again for each enumeration of the texts.</param>
    /// <param name="unit">What of it is one text.</param>
    /// <param name="longestText">The most characters of a text; a longer one is an error. Default 268,435,456.</param>
    /// <returns>Streamed, in the order of the file.</returns>
    /// <exception cref="Errors.TrainingDataException">While enumerating: the file is no text or empty,
    /// or a text is too long; file and line are named.</exception>
    public static IEnumerable<string> Read(string path, TextUnit unit = TextUnit.Line, int longestText = Longest)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(longestText, 1);
        if (!Enum.IsDefined(unit)) throw new ArgumentOutOfRangeException(nameof(unit), unit, $"it is one of {string.Join(", ", Enum.GetNames<TextUnit>())}");
        return Stream(path, unit, longestText);
    }

    /// <summary>The texts of one column.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="text">The column's name.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: the column is missing or no text; file and line are named.</exception>
    public static IEnumerable<string> Texts(this IEnumerable<Row> rows, string text = "text")
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(text);
        return rows.Select((row, index) => RowMapping.Present(row, index)[text]);
    }

    private static IEnumerable<string> Stream(string path, TextUnit unit, int longestText)
    {
        var problems = new ProblemSink(path, null);
        using var source = new TextSource(path, null, problems);
        var lines = new LineReader(source, problems, longestText);
        var text = new StringBuilder();
        bool any = false;
        while (lines.Read() is { } line)
        {
            bool blank = string.IsNullOrWhiteSpace(line);
            if (unit == TextUnit.Line)
            {
                any |= !blank;
                if (!blank) yield return line;
                continue;
            }
            if (unit == TextUnit.Paragraph && blank)
            {
                if (text.Length > 0) yield return text.ToString();
                text.Clear();
                continue;
            }
            if ((long)text.Length + line.Length + 1 > longestText)
                throw problems.Refusal(lines.Number, $"the text is longer than {longestText:N0} characters; raise longestText if it is meant");
            if (text.Length > 0 || (unit == TextUnit.File && any)) text.Append('\n');
            text.Append(line);
            any = true;
        }
        if (!any || (unit != TextUnit.Line && text.Length > 0 && string.IsNullOrWhiteSpace(text.ToString())))
            throw problems.Refusal(null, "the file holds no text");
        if (text.Length > 0) yield return text.ToString();
    }
}
