namespace FineTuning.Text;

/// <summary>Which windows of one or two texts fit into a maximal length: the arithmetic of the reference's 0.22 line.</summary>
internal static class Truncation
{
    /// <summary>The windows of a text: the first is the main one, the others what was cut, each <paramref name="stride"/> tokens into the one before.</summary>
    public static List<TextWindow> Windows(int length, int room, int stride, bool left)
    {
        if (length <= room) return [new(0, length)];
        if (room == 0) return [new(0, 0), new(0, length, Later: true)];
        if (stride >= room) throw new ArgumentException($"the stride {stride} leaves no step: a window has room for {room} tokens", nameof(stride));
        var windows = new List<TextWindow>();
        int step = room - stride;
        if (left)
        {
            for (int end = length; end > 0; end -= step)
            {
                int start = Math.Max(0, end - room);
                windows.Add(new(start, end - start, windows.Count > 0));
                if (start == 0) break;
            }
        }
        else
        {
            for (int start = 0; start < length; start += step)
            {
                int end = Math.Min(length, start + room);
                windows.Add(new(start, end - start, windows.Count > 0));
                if (end == length) break;
            }
        }
        return windows;
    }

    /// <summary>How many tokens of each text are kept; lengths that fit are returned as they are.</summary>
    /// <param name="first">Tokens of the first text.</param>
    /// <param name="second">Tokens of the second. Null: there is none.</param>
    /// <param name="room">What is left of the maximal length after the template's tokens.</param>
    /// <param name="strategy">What may be cut.</param>
    public static (int First, int Second) Kept(int first, int? second, int room, TruncationStrategy strategy)
    {
        int other = second ?? 0;
        int excess = first + other - room;
        if (excess <= 0 || strategy == TruncationStrategy.None) return (first, other);
        switch (strategy)
        {
            case TruncationStrategy.OnlyFirst:
                if (second is not null && first <= excess) throw TooShort("first", first, excess);
                return (first - excess, other);
            case TruncationStrategy.OnlySecond:
                if (second is null) throw new ArgumentException("only the second text may be cut, but there is none");
                if (other <= excess) throw TooShort("second", other, excess);
                return (first, other - excess);
            default:
                if (second is null) return (room, 0);
                (int shorter, int longer) = first <= other ? (first, other) : (other, first);
                longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
                if (shorter + longer > room) (shorter, longer) = (room / 2, (room / 2) + (room % 2));
                return first <= other ? (shorter, longer) : (longer, shorter);
        }
    }

    private static ArgumentException TooShort(string which, int length, int excess) =>
        new($"{excess} tokens are too many, but the {which} text, which alone may be cut, has only {length}");
}
