using System.Text;

namespace FineTuning.Text;

/// <summary>Cuts where the script changes. Japanese syllables count as Han, and a space goes with anything.</summary>
internal sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private static readonly Lazy<short[]> Scripts = new(ReadScripts);

    public override void Split(Piece piece, PieceList parts)
    {
        ReadOnlySpan<char> text = piece.Characters;
        short[] scripts = Scripts.Value;
        // What precedes the first character of a script belongs to no part: the reference begins its parts there.
        int start = -1, last = -1;
        for (int at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out Rune rune, out int size);
            int script = scripts[rune.Value];
            if (script > 0 && script != last)
            {
                if (start >= 0) parts.Add(piece.Part(start, at - start));
                start = at;
            }
            if (script > 0) last = script;
            at += size;
        }
        if (start >= 0) parts.Add(piece.Part(start, text.Length - start));
    }

    // 0: goes with anything. The goldens' own tables come last, for they are those of the reference.
    private static short[] ReadScripts()
    {
        var scripts = new short[CodePointRanges.Last + 1];
        var numbers = new Dictionary<string, short>(StringComparer.Ordinal);
        foreach (string prefix in new[] { "script.", "reference_script." })
        {
            foreach (string name in UnicodeTables.Names(prefix))
            {
                string script = name[prefix.Length..] is "Hiragana" or "Katakana" ? "Han" : name[prefix.Length..];
                if (!numbers.TryGetValue(script, out short number)) numbers[script] = number = (short)(script == "joins_all" ? 0 : numbers.Count + 1);
                IReadOnlyList<int> ranges = UnicodeTables.Ranges(name)!;
                for (int i = 0; i < ranges.Count; i += 2) scripts.AsSpan(ranges[i], ranges[i + 1] - ranges[i] + 1).Fill(number);
            }
        }
        return scripts;
    }
}

/// <summary>Parts of so many code points.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    public override void Split(Piece piece, PieceList parts)
    {
        ReadOnlySpan<char> text = piece.Characters;
        int start = 0, count = 0;
        for (int at = 0; at < text.Length; at++)
        {
            if (char.IsLowSurrogate(text[at]) && at > start) continue;
            if (count == length)
            {
                parts.Add(piece.Part(start, at - start));
                (start, count) = (at, 0);
            }
            count++;
        }
        if (start < text.Length) parts.Add(piece.Part(start, text.Length - start));
    }
}
