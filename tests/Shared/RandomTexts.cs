using System.Text;

namespace FineTuning.Testing;

/// <summary>Texts of all of Unicode in the shapes that tokenizers trip over. The same seed gives the same texts. For one thread.</summary>
/// <param name="seed">Any number.</param>
/// <param name="words">Words to strew in, for example special tokens and pieces of a vocabulary.</param>
/// <param name="loneSurrogates">Whether some texts have half a surrogate pair.</param>
internal sealed class RandomTexts(int seed, IReadOnlyList<string>? words = null, bool loneSurrogates = true)
{
    private static readonly (int First, int Last)[] Blocks =
    [
        (0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x45F), (0x5D0, 0x5EA), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
        (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2070, 0x218F), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xE0FF), (0xF900, 0xFAFF), (0xFB00, 0xFB4F),
        (0xFE00, 0xFE0F), (0xFE70, 0xFEFF), (0xFF00, 0xFFEF), (0xFFF0, 0xFFFF), (0x10000, 0x100FF), (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F6FF), (0x20000, 0x200FF), (0x2B820, 0x2CEAF),
        (0xE0020, 0xE007F), (0x10FF00, 0x10FFFF), (0x00, 0x1F), (0x7F, 0x9F), (0x80, 0xD7FF), (0xE000, 0x10FFFF),
    ];

    private static readonly string[] Spaces = [" ", " ", " ", "  ", "   ", "\n", "\r\n", "\t", "\u000B", "\u0085", "\u00A0", "\u2009", "\u2028", "\u3000", "\u200B", "\u200D", "\uFEFF", "\u2581", "\u0120"];

    private static readonly string[] Marks = [".", ",", "!", "?", "'", "'s", "'ll", "n't", "''", "``", "-", "--", "_", "$", "<", ">", "\u2026", "\u3002", "\u060C", "\u00BF", "\u20AC", "[", "]"];

    private static readonly string[] Clusters =
    [
        "\U0001F469\u200D\U0001F469\u200D\U0001F467", "\U0001F44D\U0001F3FD", "\u2764\uFE0F", "\U0001F1E9\U0001F1EA", "e\u0301", "\u1100\u1161\u11A8", "\u0915\u094D\u0937", "\u0130", "\u1E9E", "\u03A3\u03C2", "\uFB01", "\u00AA\u0300", "\u2460", "\u00BD", "\u01C4",
    ];

    private readonly Random _random = new(seed);

    /// <summary>The next text, of 0 to some 120 characters.</summary>
    public string Next()
    {
        var text = new StringBuilder();
        int parts = _random.Next(4) == 0 ? _random.Next(2) : 1 + _random.Next(14);
        bool plain = _random.Next(4) == 0;
        for (int i = 0; i < parts; i++) Add(text, plain);
        if (loneSurrogates && _random.Next(40) == 0) text.Insert(_random.Next(text.Length + 1), (char)_random.Next(0xD800, 0xE000));
        return text.ToString();
    }

    /// <summary>Several texts.</summary>
    public string[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

    private void Add(StringBuilder text, bool plain)
    {
        switch (_random.Next(plain ? 6 : 12))
        {
            case 0 or 1:
                Letters(text, 0x61, 0x7A, 1 + _random.Next(9));
                text.Append(_random.Next(3) == 0 ? "" : " ");
                break;
            case 2:
                text.Append(_random.Next(100_000)).Append(' ');
                break;
            case 3:
                text.Append(Pick(Marks));
                break;
            case 4:
                text.Append(Pick(Spaces));
                break;
            case 5:
                text.Append(words is { Count: > 0 } ? Pick(words) : "the ");
                break;
            case 6:
                text.Append(Pick(Clusters));
                break;
            case 7:
                string repeated = words is { Count: > 0 } && _random.Next(3) == 0 ? Pick(words) : _random.Next(2) == 0 ? Pick(Spaces) : Point(Pick(Blocks));
                for (int count = 2 + _random.Next(6); count > 0; count--) text.Append(repeated);
                break;
            case 8:
                text.Append(Point((0, 0x10FFFF)));
                break;
            default:
                (int first, int last) = Pick(Blocks);
                Letters(text, first, last, 1 + _random.Next(5));
                break;
        }
    }

    private void Letters(StringBuilder text, int first, int last, int count)
    {
        while (count-- > 0) text.Append(Point((first, last)));
    }

    private string Point((int First, int Last) block)
    {
        int point = _random.Next(block.First, block.Last + 1);
        return char.ConvertFromUtf32(point is >= 0xD800 and <= 0xDFFF ? 0xFFFD : point);
    }

    private T Pick<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];
}
