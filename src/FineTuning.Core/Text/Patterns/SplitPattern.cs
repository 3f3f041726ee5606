namespace FineTuning.Text;

/// <summary>What a Split or Replace looks for: a text, or a regular expression over code points. Immutable and thread-safe.</summary>
/// <remarks>
/// A search takes a number of steps that is linear in the text: what would need more is ended with an exception. The published patterns need a few steps a character.
/// </remarks>
internal sealed class SplitPattern
{
    private const int StepsPerCharacter = 4000, StepsAtLeast = 1_000_000;

    private readonly string? _literal;
    private readonly PatternStep? _start;
    private readonly CodePointSet? _first;
    private readonly int _slots;

    private SplitPattern(string? literal, PatternStep? start, CodePointSet? first, int slots) => (_literal, _start, _first, _slots) = (literal, start, first, slots);

    /// <summary>The one character that is looked for as it is; null: something else is.</summary>
    public char? Character => _literal is { Length: 1 } ? _literal[0] : null;

    /// <summary>A text that is looked for as it is.</summary>
    public static SplitPattern Literal(string text) => new(text, null, null, 0);

    /// <summary>A regular expression.</summary>
    /// <exception cref="FormatException">It is none, or uses what is not supported.</exception>
    public static SplitPattern Expression(string source)
    {
        (PatternNode node, int captures) = PatternParser.Parse(source);
        var compiler = new PatternCompiler(captures);
        PatternStep start = compiler.Compile(node, AcceptStep.Instance);
        return new(null, start, node.First() is { } first ? new CodePointSet(first.Items) : null, compiler.Slots);
    }

    /// <summary>All that is found, from left to right, without overlaps; a match may be empty.</summary>
    public List<(int Start, int End)> Find(ReadOnlySpan<char> text)
    {
        var found = new List<(int Start, int End)>();
        if (_literal is not null)
        {
            if (_literal.Length == 0) return found;
            for (int at = 0; text[at..].IndexOf(_literal, StringComparison.Ordinal) is >= 0 and int offset; at = found[^1].End) found.Add((at + offset, at + offset + _literal.Length));
            return found;
        }
        Span<int> slots = stackalloc int[Math.Min(_slots, 64)];
        if (_slots > 64) slots = new int[_slots];
        var matcher = new PatternMatcher { Text = text, Slots = slots, Steps = Math.Max(StepsAtLeast, (long)StepsPerCharacter * text.Length) };
        int last = -1;
        for (int at = 0; at <= text.Length;)
        {
            int end = -1;
            if (_first is null || (at < text.Length && StartsWith(_first, text, at)))
            {
                slots.Fill(-1);
                end = _start!.Match(ref matcher, at);
            }
            bool empty = end == at;
            // An empty match right behind another is none.
            if (end >= 0 && !(empty && at == last))
            {
                found.Add((at, end));
                last = end;
            }
            if (end > at) at = end;
            else at += at < text.Length && char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
        }
        return found;
    }

    private static bool StartsWith(CodePointSet set, ReadOnlySpan<char> text, int at) =>
        set.Contains(char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? char.ConvertToUtf32(text[at], text[at + 1]) : text[at]);
}

/// <summary>Links the parts of a pattern into steps, from the end to the beginning.</summary>
internal sealed class PatternCompiler(int captures)
{
    private const int MostSteps = 50_000;

    private int _steps;

    public int Slots { get; private set; } = 2 * (captures + 1);

    public PatternStep Compile(PatternNode node, PatternStep next)
    {
        if (++_steps > MostSteps) throw new FormatException("a pattern that repeats parts so often is not supported");
        switch (node)
        {
            case PatternNode.Set set:
                return new SetStep(new CodePointSet(set.Members.Items), next);
            case PatternNode.Sequence sequence:
                return sequence.Items.Reverse().Aggregate(next, (step, item) => Compile(item, step));
            case PatternNode.Choice choice:
                return new ChoiceStep([.. choice.Items.Select(item => (item.First() is { } first ? new CodePointSet(first.Items) : null, Compile(item, next)))]);
            case PatternNode.Atomic atomic:
                return new AtomicStep(Compile(atomic.Item, AcceptStep.Instance), next);
            case PatternNode.Capture capture:
                return new MarkStep(2 * capture.Number, Compile(capture.Item, new MarkStep((2 * capture.Number) + 1, next)));
            case PatternNode.Reference reference:
                if (reference.Number > captures) throw new FormatException($"a reference to group {reference.Number}, of which there are {captures}, is not supported");
                return new ReferenceStep(2 * reference.Number, next);
            case PatternNode.Look look:
                IReadOnlyList<PatternNode> ways = look.Item is PatternNode.Choice several ? several.Items : look.Item is PatternNode.Sequence { Items: [PatternNode.Choice inner] } ? inner.Items : [look.Item];
                return new LookStep([.. ways.Select(way => (way.Width() ?? 0, Compile(way, AcceptStep.Instance)))], look.Behind, look.Negative, next);
            case PatternNode.Anchor anchor:
                return new AnchorStep(anchor.Kind, next);
            case PatternNode.Repeat repeat:
                return Repeated(repeat, next);
            default:
                throw new FormatException("a pattern of this kind is not supported");
        }
    }

    private PatternStep Repeated(PatternNode.Repeat repeat, PatternStep next)
    {
        if (Only(repeat.Item) is { } set) return new RunStep(new CodePointSet(set.Members.Items), repeat.Least, repeat.Most, repeat.Greed, next);
        if (repeat.Greed == Greed.Possessive) return new AtomicStep(Compile(repeat with { Greed = Greed.Greedy }, AcceptStep.Instance), next);
        bool lazy = repeat.Greed == Greed.Lazy;
        PatternStep step = next;
        if (repeat.Most < 0)
        {
            var loop = new LoopStep(Slots++, lazy, next);
            loop.Body = Compile(repeat.Item, loop);
            step = loop;
        }
        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            PatternStep once = Compile(repeat.Item, step);
            step = new ChoiceStep(lazy ? [(null, next), (null, once)] : [(null, once), (null, next)]);
        }
        for (int i = 0; i < repeat.Least; i++) step = Compile(repeat.Item, step);
        return step;
    }

    private static PatternNode.Set? Only(PatternNode node) => node as PatternNode.Set ?? (node is PatternNode.Sequence { Items: [PatternNode.Set only] } ? only : null);
}
