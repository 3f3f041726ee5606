using System.Text;

namespace FineTuning.Text;

/// <summary>A text that is being rewritten, with the span of the original behind each of its characters (UTF-16 units).</summary>
/// <remarks>For one thread.</remarks>
internal sealed class AlignedText
{
    private char[] _characters;
    private int[]? _starts;
    private int[]? _ends;
    private readonly int _base;

    /// <param name="original">The part of the original that the text begins as.</param>
    /// <param name="offset">Where that part stands in the original.</param>
    public AlignedText(ReadOnlySpan<char> original, int offset)
    {
        _characters = original.ToArray();
        Length = original.Length;
        Origin = _base = offset;
    }

    private AlignedText(char[] characters, int length, int[]? starts, int[]? ends, int offset, int origin) =>
        (_characters, Length, _starts, _ends, _base, Origin) = (characters, length, starts, ends, offset, origin);

    /// <summary>Where the part of the original begins that this text was made from, whatever has been taken off its front since.</summary>
    public int Origin { get; init; }

    public int Length { get; private set; }

    public ReadOnlySpan<char> Characters => _characters.AsSpan(0, Length);

    /// <summary>Where the character's origin begins. A surrogate pair is one character: both halves have the whole pair's span.</summary>
    public int StartOf(int index)
    {
        if (_starts is not null) return _starts[index];
        return _base + (index > 0 && char.IsLowSurrogate(_characters[index]) && char.IsHighSurrogate(_characters[index - 1]) ? index - 1 : index);
    }

    /// <summary>Where the character's origin ends.</summary>
    public int EndOf(int index)
    {
        if (_ends is not null) return _ends[index];
        return _base + index + (index + 1 < Length && char.IsHighSurrogate(_characters[index]) && char.IsLowSurrogate(_characters[index + 1]) ? 2 : 1);
    }

    /// <summary>A copy of a part.</summary>
    public AlignedText Slice(int start, int length)
    {
        char[] characters = _characters.AsSpan(start, length).ToArray();
        return _starts is null
            ? new(characters, length, null, null, _base + start, _base + start)
            : new(characters, length, _starts.AsSpan(start, length).ToArray(), _ends.AsSpan(start, length).ToArray(), _base, length > 0 ? _starts[start] : Origin);
    }

    /// <summary>Replaces the whole text by what was written.</summary>
    public void Become(AlignedWriter writer) => (_characters, _starts, _ends, Length) = writer.Take();
}

/// <summary>Collects the characters of a rewritten text with their origins.</summary>
internal sealed class AlignedWriter(int capacity)
{
    private char[] _characters = new char[capacity];
    private int[] _starts = new int[capacity];
    private int[] _ends = new int[capacity];
    private int _length;

    public int Length => _length;

    public void Add(char character, int start, int end)
    {
        if (_length == _characters.Length)
        {
            int size = Math.Max(16, 2 * _length);
            Array.Resize(ref _characters, size);
            Array.Resize(ref _starts, size);
            Array.Resize(ref _ends, size);
        }
        (_characters[_length], _starts[_length], _ends[_length]) = (character, start, end);
        _length++;
    }

    public void Add(ReadOnlySpan<char> characters, int start, int end)
    {
        foreach (char character in characters) Add(character, start, end);
    }

    public void Add(Rune rune, int start, int end)
    {
        Span<char> characters = stackalloc char[2];
        Add(characters[..rune.EncodeToUtf16(characters)], start, end);
    }

    /// <summary>Copies one character, or both halves of a pair, of a text.</summary>
    public void Copy(AlignedText text, int index, int count)
    {
        for (int i = index; i < index + count; i++) Add(text.Characters[i], text.StartOf(i), text.EndOf(i));
    }

    internal (char[] Characters, int[] Starts, int[] Ends, int Length) Take() => (_characters, _starts, _ends, _length);
}
