using System.Runtime.CompilerServices;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>The state of one search: the text, what groups have matched, and how many steps are left.</summary>
internal ref struct PatternMatcher
{
    public ReadOnlySpan<char> Text;

    public long Steps;

    public Span<int> Slots;

    public void Step()
    {
        if (--Steps < 0)
            throw new TokenizationException("a pattern of the tokenizer takes more than linear time on this text; cut the text or replace the pattern");
    }
}

/// <summary>A step of a compiled pattern: it matches here and goes on with what follows. Immutable and thread-safe.</summary>
internal abstract class PatternStep
{
    /// <summary>Where the whole match ends, or -1.</summary>
    public abstract int Match(ref PatternMatcher matcher, int at);

    /// <summary>The length of the code point of a set that stands here, or 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static int Size(CodePointSet set, ReadOnlySpan<char> text, int at)
    {
        if ((uint)at >= (uint)text.Length) return 0;
        char character = text[at];
        if (!char.IsHighSurrogate(character)) return set.Contains(character) ? 1 : 0;
        Rune.DecodeFromUtf16(text[at..], out Rune rune, out int size);
        return set.Contains(rune.Value) ? size : 0;
    }

    /// <summary>Refuses to go on where little of the stack is left.</summary>
    protected static void EnsureDepth()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new TokenizationException("a pattern of the tokenizer repeats a group too often on this text; cut the text or replace the pattern");
    }
}

/// <summary>The end of a pattern.</summary>
internal sealed class AcceptStep : PatternStep
{
    public static AcceptStep Instance { get; } = new();

    public override int Match(ref PatternMatcher matcher, int at) => at;
}

/// <summary>Stands between the steps of a long pattern: each takes a frame of the stack, and time.</summary>
internal sealed class MilestoneStep(int steps, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        EnsureDepth();
        matcher.Steps -= steps - 1;
        matcher.Step();
        return next.Match(ref matcher, at);
    }
}

/// <summary>One code point of a set.</summary>
internal sealed class SetStep(CodePointSet set, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        int size = Size(set, matcher.Text, at);
        return size == 0 ? -1 : next.Match(ref matcher, at + size);
    }
}

/// <summary>Several code points of a set.</summary>
internal sealed class RunStep(CodePointSet set, int least, int most, Greed greed, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        int count = 0;
        while (count < least)
        {
            int size = Size(set, matcher.Text, at);
            if (size == 0) return -1;
            at += size;
            count++;
            matcher.Steps--;
        }
        if (greed == Greed.Lazy) return Few(ref matcher, at, count);
        int end = at;
        while (count != most && Size(set, matcher.Text, end) is > 0 and int size)
        {
            end += size;
            count++;
            matcher.Steps--;
        }
        if (greed == Greed.Possessive || next is AcceptStep) return next.Match(ref matcher, end);
        while (true)
        {
            matcher.Step();
            int found = next.Match(ref matcher, end);
            if (found >= 0 || end <= at) return found;
            end -= char.IsLowSurrogate(matcher.Text[end - 1]) && end - 1 > at ? 2 : 1;
        }
    }

    private int Few(ref PatternMatcher matcher, int at, int count)
    {
        while (true)
        {
            matcher.Step();
            int found = next.Match(ref matcher, at);
            int size = found >= 0 || count == most ? 0 : Size(set, matcher.Text, at);
            if (size == 0) return found;
            at += size;
            count++;
        }
    }
}

/// <summary>The first of several ways that leads to the end.</summary>
internal sealed class ChoiceStep((CodePointSet? First, PatternStep Step)[] ways) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        matcher.Step();
        foreach ((CodePointSet? first, PatternStep step) in ways)
        {
            if (first is not null && Size(first, matcher.Text, at) == 0) continue;
            int found = step.Match(ref matcher, at);
            if (found >= 0) return found;
        }
        return -1;
    }
}

/// <summary>A group again and again; the body leads back here. A pass that took nothing ends it.</summary>
internal sealed class LoopStep(int slot, bool lazy, PatternStep next) : PatternStep
{
    public PatternStep? Body { get; set; }

    public override int Match(ref PatternMatcher matcher, int at)
    {
        EnsureDepth();
        matcher.Step();
        int before = matcher.Slots[slot];
        if (before == at) return next.Match(ref matcher, at);
        if (lazy && next.Match(ref matcher, at) is >= 0 and int soon) return soon;
        matcher.Slots[slot] = at;
        int found = Body!.Match(ref matcher, at);
        matcher.Slots[slot] = before;
        return found >= 0 || lazy ? found : next.Match(ref matcher, at);
    }
}

/// <summary>A part that is matched by itself and not gone back into.</summary>
internal sealed class AtomicStep(PatternStep body, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        int end = body.Match(ref matcher, at);
        return end < 0 ? -1 : next.Match(ref matcher, end);
    }
}

/// <summary>A condition on what stands ahead, or behind.</summary>
internal sealed class LookStep((int Width, PatternStep Body)[] ways, bool behind, bool negative, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        bool found = false;
        foreach ((int width, PatternStep body) in ways)
        {
            int from = behind ? Back(matcher.Text, at, width) : at;
            if (from < 0) continue;
            int end = body.Match(ref matcher, from);
            if (behind ? end == at : end >= 0)
            {
                found = true;
                break;
            }
        }
        return found == negative ? -1 : next.Match(ref matcher, at);
    }

    private static int Back(ReadOnlySpan<char> text, int at, int count)
    {
        for (; count > 0 && at >= 0; count--) at -= at >= 2 && char.IsLowSurrogate(text[at - 1]) ? 2 : 1;
        return at;
    }
}

/// <summary>Notes where a group begins or ends.</summary>
internal sealed class MarkStep(int slot, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        int before = matcher.Slots[slot];
        matcher.Slots[slot] = at;
        int found = next.Match(ref matcher, at);
        if (found < 0) matcher.Slots[slot] = before;
        return found;
    }
}

/// <summary>What a group has matched, once more.</summary>
internal sealed class ReferenceStep(int slot, PatternStep next) : PatternStep
{
    public override int Match(ref PatternMatcher matcher, int at)
    {
        (int start, int end) = (matcher.Slots[slot], matcher.Slots[slot + 1]);
        if (start < 0 || end < start) return -1;
        ReadOnlySpan<char> group = matcher.Text[start..end];
        matcher.Steps -= group.Length;
        return matcher.Text[at..].StartsWith(group, StringComparison.Ordinal) ? next.Match(ref matcher, at + group.Length) : -1;
    }
}

/// <summary>A position between characters.</summary>
internal sealed class AnchorStep(AnchorKind kind, PatternStep next) : PatternStep
{
    private static readonly CodePointSet Word = UnicodeTables.Set(@"\w");

    public override int Match(ref PatternMatcher matcher, int at) => Holds(matcher.Text, at) ? next.Match(ref matcher, at) : -1;

    private bool Holds(ReadOnlySpan<char> text, int at) => kind switch
    {
        AnchorKind.LineStart => at == 0 || (text[at - 1] == '\n' && at < text.Length),
        AnchorKind.LineEnd => at == text.Length || text[at] == '\n',
        AnchorKind.TextStart => at == 0,
        AnchorKind.TextEnd => at == text.Length,
        AnchorKind.TextEndOrLastLine => at == text.Length || (at == text.Length - 1 && text[at] == '\n'),
        AnchorKind.WordEdge => Before(text, at) != Size(Word, text, at) > 0,
        _ => Before(text, at) == Size(Word, text, at) > 0,
    };

    private static bool Before(ReadOnlySpan<char> text, int at) => at > 0 && Size(Word, text, at - (at >= 2 && char.IsLowSurrogate(text[at - 1]) ? 2 : 1)) > 0;
}
