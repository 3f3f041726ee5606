using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FineTuning.Text;

/// <summary>What a pattern finds in a text, one after the other; nothing is kept of what was found.</summary>
internal ref struct PatternMatches
{
    private readonly SplitPattern _pattern;
    private readonly ReadOnlySpan<char> _text;
    private readonly int[]? _manySlots;
    private FewSlots _fewSlots;
    private long _steps;
    private int _at;
    private int _last = -1;

    public PatternMatches(SplitPattern pattern, ReadOnlySpan<char> text)
    {
        _pattern = pattern;
        _text = text;
        _fewSlots = default;
        _steps = SplitPattern.Budget(text.Length);
        if (pattern.Slots > FewSlots.Count) _manySlots = new int[pattern.Slots];
    }

    /// <summary>Where the match begins and where it ends.</summary>
    public (int Start, int End) Current { get; private set; }

    public readonly PatternMatches GetEnumerator() => this;

    public bool MoveNext() => _pattern.Text is { } literal ? NextLiteral(literal) : NextMatch();

    private bool NextLiteral(string literal)
    {
        int offset = literal.Length == 0 ? -1 : _text[_at..].IndexOf(literal, StringComparison.Ordinal);
        if (offset < 0) return false;
        Current = (_at + offset, _at + offset + literal.Length);
        _at = Current.End;
        return true;
    }

    private bool NextMatch()
    {
        Span<int> slots = _manySlots ?? MemoryMarshal.CreateSpan(ref Unsafe.As<FewSlots, int>(ref Unsafe.AsRef(in _fewSlots)), _pattern.Slots);
        var matcher = new PatternMatcher { Text = _text, Slots = slots, Steps = _steps };
        while (_at <= _text.Length)
        {
            int at = _at, end = _pattern.Match(ref matcher, at);
            if (end > at) _at = end;
            else _at += at + 1 < _text.Length && char.IsHighSurrogate(_text[at]) ? 2 : 1;
            // An empty match right behind another is none.
            if (end < 0 || (end == at && at == _last)) continue;
            (Current, _last, _steps) = ((at, end), end, matcher.Steps);
            return true;
        }
        return false;
    }

    [InlineArray(Count)]
    private struct FewSlots
    {
        public const int Count = 16;

        private int _first;
    }
}
