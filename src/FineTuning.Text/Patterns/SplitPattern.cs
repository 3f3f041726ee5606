namespace FineTuning.Text;

/// <summary>What a Split or Replace looks for: a text, or a regular expression over code points. Immutable and thread-safe.</summary>
/// <remarks>
/// A search takes a number of steps that is linear in the text: what would need more is ended with an exception.
/// The published patterns need a few steps a character.
/// </remarks>
internal sealed class SplitPattern
{
    private const int StepsPerCharacter = 4000, StepsAtLeast = 10_000;

    private readonly string? _literal;
    private readonly PatternStep? _start;
    private readonly CodePointSet? _first;
    private readonly int _slots;

    private SplitPattern(string? literal, PatternStep? start, CodePointSet? first, int slots) =>
        (_literal, _start, _first, _slots) = (literal, start, first, slots);

    /// <summary>The one character that is looked for as it is. Null: something else is.</summary>
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
    public PatternMatches Find(ReadOnlySpan<char> text) => new(this, text);

    internal string? Text => _literal;

    internal int Slots => _slots;

    internal static long Budget(int length) => Math.Max(StepsAtLeast, (long)StepsPerCharacter * length);

    /// <summary>Where a match that begins here ends, or -1.</summary>
    internal int Match(ref PatternMatcher matcher, int at)
    {
        if (_first is not null && !(at < matcher.Text.Length && StartsWith(_first, matcher.Text, at))) return -1;
        matcher.Slots.Fill(-1);
        return _start!.Match(ref matcher, at);
    }

    private static bool StartsWith(CodePointSet set, ReadOnlySpan<char> text, int at) =>
        set.Contains(char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? char.ConvertToUtf32(text[at], text[at + 1]) : text[at]);
}

/// <summary>Links the parts of a pattern into steps, from the end to the beginning.</summary>
internal sealed class PatternCompiler(int captures)
{
    private const int MostSteps = 10_000, StepsBetweenMilestones = 64;

    // Equal sets are one object: a set takes kilobytes, and a pattern may have thousands.
    private readonly Dictionary<string, CodePointSet> _sets = new(StringComparer.Ordinal);
    private int _steps;

    public int Slots { get; private set; } = 2 * (captures + 1);

    public PatternStep Compile(PatternNode node, PatternStep next)
    {
        if (++_steps > MostSteps) throw new FormatException("a pattern that repeats parts so often is not supported");
        PatternStep step = Step(node, next);
        return _steps % StepsBetweenMilestones == 0 ? new MilestoneStep(StepsBetweenMilestones, step) : step;
    }

    private PatternStep Step(PatternNode node, PatternStep next)
    {
        switch (node)
        {
            case PatternNode.Set set:
                return new SetStep(SetOf(set.Members), next);
            case PatternNode.Sequence sequence:
                return sequence.Items.Reverse().Aggregate(next, (step, item) => Compile(item, step));
            case PatternNode.Choice choice:
                return new ChoiceStep([.. choice.Items.Select(item => (item.First() is { } first ? SetOf(first) : null, Compile(item, next)))]);
            case PatternNode.Atomic atomic:
                return new AtomicStep(Compile(atomic.Item, AcceptStep.Instance), next);
            case PatternNode.Capture capture:
                return new MarkStep(2 * capture.Number, Compile(capture.Item, new MarkStep((2 * capture.Number) + 1, next)));
            case PatternNode.Reference reference:
                if (reference.Number > captures)
                    throw new FormatException($"a reference to group {reference.Number}, of which there are {captures}, is not supported");
                return new ReferenceStep(2 * reference.Number, next);
            case PatternNode.Look look:
                IReadOnlyList<PatternNode> ways = look.Item is PatternNode.Choice several ? several.Items
                : look.Item is PatternNode.Sequence { Items: [PatternNode.Choice inner] } ? inner.Items : [look.Item];
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
        if (Only(repeat.Item) is { } set) return new RunStep(SetOf(set.Members), repeat.Least, repeat.Most, repeat.Greed, next);
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

    private CodePointSet SetOf(CodePointRanges members)
    {
        string key = string.Join(',', members.Items);
        if (!_sets.TryGetValue(key, out CodePointSet? set)) _sets[key] = set = new CodePointSet(members.Items);
        return set;
    }

    private static PatternNode.Set? Only(PatternNode node) =>
        node as PatternNode.Set ?? (node is PatternNode.Sequence { Items: [PatternNode.Set only] } ? only : null);
}
