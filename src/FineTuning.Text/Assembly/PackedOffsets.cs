namespace FineTuning.Text;

/// <summary>Where the tokens of a short text begin and end, and their words, in two bytes each: three stretches of one array.</summary>
internal static class PackedOffsets
{
    /// <summary>The packed numbers. Null: one of them is too large.</summary>
    /// <param name="starts">From 0.</param>
    /// <param name="ends">From 0.</param>
    /// <param name="words">From -1.</param>
    public static ushort[]? Pack(ReadOnlySpan<int> starts, ReadOnlySpan<int> ends, ReadOnlySpan<int> words)
    {
        int seen = 0, count = starts.Length;
        for (int i = 0; i < count; i++) seen |= starts[i] | ends[i] | (words[i] + 1);
        if ((uint)seen > ushort.MaxValue) return null;
        var packed = new ushort[3 * count];
        for (int i = 0; i < count; i++) (packed[i], packed[count + i], packed[(2 * count) + i]) = ((ushort)starts[i], (ushort)ends[i], (ushort)(words[i] + 1));
        return packed;
    }

    /// <summary>The beginnings (0), the ends (1) or the words (2).</summary>
    public static int[] Unpack(ushort[] packed, int kind)
    {
        int count = packed.Length / 3, less = kind == 2 ? 1 : 0;
        var numbers = new int[count];
        for (int i = 0; i < count; i++) numbers[i] = packed[(kind * count) + i] - less;
        return numbers;
    }
}
