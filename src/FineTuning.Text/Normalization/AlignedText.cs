using System.Text;

namespace FineTuning.Text;

/// <summary>A text that is being rewritten, with the span of the original behind each of its characters (UTF-16 units).</summary>
/// <remarks>For one thread. A text can be started again and keeps its buffers; where nothing moved, no spans are stored.</remarks>
internal sealed class AlignedText
{
    private const int LargestKept = 1 << 16;

    private char[] _characters;
    private int[] _starts = [];
    private int[] _ends = [];
    private bool _moved;
    private int _base;
    private AlignedWriter? _writer;
    private Transformation? _changes;

    /// <param name="original">The part of the original that the text begins as.</param>
    /// <param name="offset">Where that part stands in the original.</param>
    public AlignedText(ReadOnlySpan<char> original, int offset)
    {
        _characters = original.ToArray();
        Length = original.Length;
        Origin = _base = offset;
        Most = TextGrowth.Most(Length);
    }

    /// <summary>The most characters it may become.</summary>
    public long Most { get; set; }

    /// <summary>Where the part of the original begins that this text was made from, whatever has been taken off its front since.</summary>
    public int Origin { get; set; }

    public int Length { get; private set; }

    public ReadOnlySpan<char> Characters => _characters.AsSpan(0, Length);

    /// <summary>The characters, for replacing one by another that stands for the same part of the original; surrogates are left alone.</summary>
    public Span<char> InPlace => _characters.AsSpan(0, Length);

    /// <summary>Starts again, with the buffers there are.</summary>
    public void Reset(ReadOnlySpan<char> original, int offset)
    {
        if (_characters.Length < original.Length) _characters = new char[Math.Max(original.Length, 256)];
        original.CopyTo(_characters);
        Length = original.Length;
        Origin = _base = offset;
        Most = TextGrowth.Most(Length);
        _moved = false;
    }

    /// <summary>Lets go of buffers that a long text has left.</summary>
    public void Trim()
    {
        if (_characters.Length <= LargestKept && _starts.Length <= LargestKept) return;
        (_characters, _starts, _ends, _writer, _changes, Length, _moved) = ([], [], [], null, null, 0, false);
    }

    /// <summary>Where the character's origin begins. A surrogate pair is one character: both halves have the whole pair's span.</summary>
    public int StartOf(int index)
    {
        if (_moved) return _starts[index];
        return _base + (index > 0 && char.IsLowSurrogate(_characters[index]) && char.IsHighSurrogate(_characters[index - 1]) ? index - 1 : index);
    }

    /// <summary>Where the character's origin ends.</summary>
    public int EndOf(int index)
    {
        if (_moved) return _ends[index];
        return _base + index + (index + 1 < Length && char.IsHighSurrogate(_characters[index]) && char.IsLowSurrogate(_characters[index + 1]) ? 2 : 1);
    }

    /// <summary>A copy of a part.</summary>
    public AlignedText Slice(int start, int length)
    {
        var part = new AlignedText(Characters.Slice(start, length), _base + start);
        if (!_moved) return part;
        (part._base, part._moved, part._starts, part._ends) = (_base, true, _starts.AsSpan(start, length).ToArray(), _ends.AsSpan(start, length).ToArray());
        part.Origin = length > 0 ? _starts[start] : Origin;
        return part;
    }

    /// <summary>Keeps a part of itself.</summary>
    public void Keep(int start, int length)
    {
        if (start > 0)
        {
            _characters.AsSpan(start, length).CopyTo(_characters);
            if (_moved)
            {
                _starts.AsSpan(start, length).CopyTo(_starts);
                _ends.AsSpan(start, length).CopyTo(_ends);
            }
            _base += start;
        }
        Length = length;
    }

    /// <summary>An empty writer for this text's next form; it is taken over by <see cref="Become"/>.</summary>
    public AlignedWriter Writer(int capacity)
    {
        _writer ??= new AlignedWriter(0);
        _writer.Begin(capacity, Most);
        return _writer;
    }

    /// <summary>No changes yet; they are made by <see cref="Transformation.Apply"/>.</summary>
    public Transformation Changes()
    {
        _changes ??= new Transformation();
        _changes.Begin(Most);
        return _changes;
    }

    /// <summary>Replaces the whole text by what was written. The writer takes the buffers of before.</summary>
    public void Become(AlignedWriter writer)
    {
        Length = writer.Swap(ref _characters, ref _starts, ref _ends);
        _moved = true;
        // What a long text was rewritten from is let go of before the next step takes as much again.
        if (Length > LargestKept) (_writer, _changes) = (null, null);
    }

    /// <summary>Takes what is added as a text of its own behind this one, whose characters keep their positions.</summary>
    public void Append(char character, int start, int end)
    {
        Reserve(1);
        (_characters[Length], _starts[Length], _ends[Length]) = (character, start, end);
        Length++;
    }

    /// <summary>Makes room for so many characters more that are appended.</summary>
    public void Reserve(int count)
    {
        if (Length + count <= _starts.Length) return;
        TextGrowth.Check((long)Length + count, Most);
        int size = Math.Max(Length + count, Math.Max(256, 2 * Length));
        Array.Resize(ref _characters, size);
        Array.Resize(ref _starts, size);
        Array.Resize(ref _ends, size);
    }

    /// <summary>Begins as an empty text that others are appended to.</summary>
    public void Clear()
    {
        if (_characters.Length != _starts.Length) _characters = new char[_starts.Length];
        (Length, _moved, Origin) = (0, true, 0);
    }
}

/// <summary>Collects the characters of a rewritten text with their origins.</summary>
internal sealed class AlignedWriter
{
    private char[] _characters;
    private int[] _starts;
    private int[] _ends;
    private int _length;
    private long _most;

    public AlignedWriter(int capacity) => (_characters, _starts, _ends) = (new char[capacity], new int[capacity], new int[capacity]);

    public int Length => _length;

    public void Begin(int capacity, long most)
    {
        (_length, _most) = (0, most);
        if (Capacity >= capacity) return;
        int size = Math.Max(capacity, 256);
        (_characters, _starts, _ends) = (new char[size], new int[size], new int[size]);
    }

    private int Capacity => Math.Min(_characters.Length, Math.Min(_starts.Length, _ends.Length));

    public void Add(char character, int start, int end)
    {
        if (_length >= Capacity) Grow();
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

    internal int Swap(ref char[] characters, ref int[] starts, ref int[] ends)
    {
        (characters, starts, ends, _characters, _starts, _ends) = (_characters, _starts, _ends, characters, starts, ends);
        return _length;
    }

    private void Grow()
    {
        TextGrowth.Check(_length + 1L, _most);
        int size = Math.Max(16, 2 * _length);
        Array.Resize(ref _characters, size);
        Array.Resize(ref _starts, size);
        Array.Resize(ref _ends, size);
    }
}
