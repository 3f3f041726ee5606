using System.Globalization;
using System.Text;

namespace FineTuning.Text;

/// <summary>Reads regular expressions in the dialect of tokenizer.json: Oniguruma's Ruby syntax. What it does not know is refused, never guessed.</summary>
internal sealed class PatternParser
{
    private const int LongestPattern = 10_000, Deepest = 64, Highest = 4 * Deepest, MostRepeats = 1000;

    private readonly int[] _source;
    private int _at;
    private int _depth;
    private bool _anyCase;

    private PatternParser(string source) => _source = [.. source.EnumerateRunes().Select(rune => rune.Value)];

    public int Captures { get; private set; }

    /// <exception cref="FormatException">It is no pattern, or uses what is not supported.</exception>
    public static (PatternNode Node, int Captures) Parse(string source)
    {
        if (source.Length > LongestPattern) throw new FormatException($"a pattern of {source.Length} characters is too long to be read");
        var parser = new PatternParser(source);
        PatternNode node = parser.Choice();
        if (parser._at < parser._source.Length) throw parser.Fault("an unmatched ')'");
        return (node, parser.Captures);
    }

    private bool More => _at < _source.Length;

    private int Current => _source[_at];

    private bool Take(string text)
    {
        for (int i = 0; i < text.Length; i++) if (_at + i >= _source.Length || _source[_at + i] != text[i]) return false;
        _at += text.Length;
        return true;
    }

    private FormatException Fault(string what) => new($"{what} at {_at} of a pattern is not supported");

    private PatternNode Choice()
    {
        if (++_depth > Deepest) throw Fault("a nesting this deep");
        bool anyCase = _anyCase;
        var items = new List<PatternNode> { Sequence() };
        while (Take("|")) items.Add(Sequence());
        _anyCase = anyCase;
        _depth--;
        return items.Count == 1 ? items[0] : new PatternNode.Choice(items);
    }

    private PatternNode.Sequence Sequence()
    {
        var items = new List<PatternNode>();
        while (More && Current is not ('|' or ')')) items.Add(Repeated(Item()));
        return new(items);
    }

    private PatternNode Repeated(PatternNode item)
    {
        while (More)
        {
            (int Least, int Most)? bounds = null;
            bool braces = false;
            if (Take("*")) bounds = (0, -1);
            else if (Take("+")) bounds = (1, -1);
            else if (Take("?")) bounds = (0, 1);
            else if (Current == '{') (bounds, braces) = (Bounds(), true);
            if (bounds is not { } found) return item;
            if (item is PatternNode.Anchor or PatternNode.Look) throw Fault("a repeated anchor");
            Greed greed = Greed.Greedy;
            // After braces a plus is no mark of possession in Ruby's syntax but one more repetition,
            // and so is a question mark after {n}; the loop takes them up.
            if ((!braces || found.Least != found.Most) && Take("?")) greed = Greed.Lazy;
            else if (!braces && Take("+")) greed = Greed.Possessive;
            // Repetitions of repetitions need no brackets: a**** is as deep as (((a*)*)*)*.
            if (item.Height >= Highest) throw Fault("a nesting this deep");
            item = new PatternNode.Repeat(item, found.Least, found.Most, greed);
        }
        return item;
    }

    private (int Least, int Most)? Bounds()
    {
        int start = _at++;
        int? least = Number();
        bool comma = Take(",");
        int? most = comma ? Number() : least;
        if (!Take("}") || (least is null && most is null))
        {
            _at = start;
            return null;
        }
        if (Math.Max(least ?? 0, most ?? 0) > MostRepeats) throw Fault($"a repetition of more than {MostRepeats}");
        return (least ?? 0, most ?? -1);
    }

    private int? Number()
    {
        int start = _at, value = 0;
        while (More && Current is >= '0' and <= '9' && _at - start < 6) value = (value * 10) + _source[_at++] - '0';
        return _at == start ? null : value;
    }

    private PatternNode Item()
    {
        int point = _source[_at];
        switch (point)
        {
            case '(': return Group();
            case '[': return Cased(Class());
            case '.': _at++; return new PatternNode.Set(CodePointRanges.Of('\n', '\n').Complement());
            case '^': _at++; return new PatternNode.Anchor(AnchorKind.LineStart);
            case '$': _at++; return new PatternNode.Anchor(AnchorKind.LineEnd);
            case '\\': return Escape();
            case '*' or '+' or '?': throw Fault("a repetition of nothing");
            default: _at++; return Cased(CodePointRanges.Of(point, point));
        }
    }

    private PatternNode.Set Cased(CodePointRanges members) => new(_anyCase ? members.AnyCase() : members);

    private PatternNode Group()
    {
        _at++;
        PatternNode result;
        if (Take("?:")) result = Choice();
        else if (Take("?>")) result = new PatternNode.Atomic(Choice());
        else if (Take("?=")) result = new PatternNode.Look(Choice(), Behind: false, Negative: false);
        else if (Take("?!")) result = new PatternNode.Look(Choice(), Behind: false, Negative: true);
        else if (Take("?<=")) result = Behind(Choice(), negative: false);
        else if (Take("?<!")) result = Behind(Choice(), negative: true);
        else if (Take("?i)")) return Rest(anyCase: true);
        else if (Take("?-i)")) return Rest(anyCase: false);
        else if (Take("?i:")) result = With(anyCase: true);
        else if (Take("?-i:")) result = With(anyCase: false);
        else if (More && Current == '?') throw Fault("a group of this kind");
        else
        {
            int number = ++Captures;
            result = new PatternNode.Capture(Choice(), number);
        }
        if (!Take(")")) throw Fault("a group without its end");
        return result.Height <= Highest ? result : throw Fault("a nesting this deep");
    }

    // An option without a colon holds to the end of the group that it stands in.
    private PatternNode Rest(bool anyCase)
    {
        _anyCase = anyCase;
        return Choice();
    }

    private PatternNode With(bool anyCase)
    {
        bool before = _anyCase;
        _anyCase = anyCase;
        PatternNode node = Choice();
        _anyCase = before;
        return node;
    }

    private PatternNode.Look Behind(PatternNode node, bool negative)
    {
        PatternNode.Sequence? only = node as PatternNode.Sequence;
        IReadOnlyList<PatternNode> choices = node is PatternNode.Choice choice ? choice.Items
            : only is { Items: [PatternNode.Choice inner] } ? inner.Items : [node];
        if (choices.Any(item => item.Width() is null)) throw Fault("a look behind of no fixed length");
        return new(node, Behind: true, negative);
    }

    private PatternNode Escape()
    {
        _at++;
        if (!More) throw Fault("a '\\' at the end");
        int point = _source[_at];
        AnchorKind? anchor = point switch
        {
            'A' => AnchorKind.TextStart,
            'z' => AnchorKind.TextEnd,
            'Z' => AnchorKind.TextEndOrLastLine,
            'b' => AnchorKind.WordEdge,
            'B' => AnchorKind.NoWordEdge,
            _ => null,
        };
        if (anchor is { } kind)
        {
            _at++;
            return new PatternNode.Anchor(kind);
        }
        if (point == 'R')
        {
            _at++;
            var pair = new PatternNode.Sequence([new PatternNode.Set(CodePointRanges.Of('\r', '\r')), new PatternNode.Set(CodePointRanges.Of('\n', '\n'))]);
            return new PatternNode.Atomic(new PatternNode.Choice([pair, new PatternNode.Set(CodePointRanges.Of([0x0A, 0x0D, 0x85, 0x85, 0x2028, 0x2029]))]));
        }
        if (point is >= '1' and <= '9')
        {
            _at++;
            return new PatternNode.Reference(point - '0');
        }
        return Cased(EscapedSet());
    }

    /// <summary>What follows a backslash, inside or outside of brackets, as a set.</summary>
    private CodePointRanges EscapedSet()
    {
        int point = _source[_at++];
        switch (point)
        {
            case 's': return PatternClasses.Table(@"\s");
            case 'S': return PatternClasses.Table(@"\s").Complement();
            case 'w': return PatternClasses.Table(@"\w");
            case 'W': return PatternClasses.Table(@"\w").Complement();
            case 'd': return PatternClasses.Table(@"\d");
            case 'D': return PatternClasses.Table(@"\d").Complement();
            case 'h': return PatternClasses.Table(@"\h");
            case 'H': return PatternClasses.Table(@"\h").Complement();
            case 'p' or 'P': return Property(negative: point == 'P');
            case 'n': return CodePointRanges.Of('\n', '\n');
            case 'r': return CodePointRanges.Of('\r', '\r');
            case 't': return CodePointRanges.Of('\t', '\t');
            case 'f': return CodePointRanges.Of('\f', '\f');
            case 'v': return CodePointRanges.Of('\v', '\v');
            case 'a': return CodePointRanges.Of('\a', '\a');
            case 'e': return CodePointRanges.Of(0x1B, 0x1B);
            case 'x' or 'u': return Hexadecimal(point == 'u');
            case '0': return CodePointRanges.Of(0, 0);
            case (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or (>= '1' and <= '9'): throw Fault($"'\\{(char)point}'");
            default: return CodePointRanges.Of(point, point);
        }
    }

    private CodePointRanges Hexadecimal(bool four)
    {
        bool braces = !four && Take("{");
        int start = _at, value = 0, most = braces ? 8 : four ? 4 : 2;
        while (More && _at - start < most && Current < 128 && char.IsAsciiHexDigit((char)Current))
            value = (value * 16) + Convert.ToInt32(((char)_source[_at++]).ToString(), 16);
        if (_at == start || (braces && !Take("}")) || (four && _at - start != 4) || value is < 0 or > CodePointRanges.Last) throw Fault("a code point");
        return CodePointRanges.Of(value, value);
    }

    private CodePointRanges Property(bool negative)
    {
        if (!Take("{")) throw Fault("a property without braces");
        if (Take("^")) negative = !negative;
        var name = new StringBuilder();
        while (More && Current != '}') name.Append(char.ConvertFromUtf32(_source[_at++]));
        if (!Take("}")) throw Fault("a property without its end");
        CodePointRanges members = PatternClasses.Property(name.ToString()) ?? throw Fault($"the property '{name}'");
        return negative ? members.Complement() : members;
    }

    // Brackets may stand in brackets, && intersects all before it with all after it, and a ] right at the beginning is a character.
    private CodePointRanges Class()
    {
        if (++_depth > Deepest) throw Fault("a nesting this deep");
        _at++;
        bool negative = Take("^");
        CodePointRanges? before = null;
        var parts = new List<CodePointRanges>();
        for (bool first = true; ; first = false)
        {
            if (!More) throw Fault("a '[' without its end");
            if (!first && Take("]")) break;
            if (Take("&&"))
            {
                before = Met();
                parts.Clear();
            }
            else if (Take("[:"))
            {
                parts.Add(Posix());
            }
            else if (Current == '[')
            {
                parts.Add(Class());
            }
            else
            {
                parts.Add(ClassMember());
            }
        }
        _depth--;
        return negative ? Met().Complement() : Met();

        CodePointRanges Met() => before is null ? CodePointRanges.UnionOf(parts) : before.Intersect(CodePointRanges.UnionOf(parts));
    }

    private CodePointRanges ClassMember()
    {
        CodePointRanges member = One();
        bool single = member.Items.Count == 2 && member.Items[0] == member.Items[1];
        if (!single || _at + 1 >= _source.Length || Current != '-' || _source[_at + 1] is ']' or '[') return member;
        _at++;
        CodePointRanges last = One();
        if (last.Items.Count != 2 || last.Items[0] != last.Items[1] || last.Items[0] < member.Items[0]) throw Fault("a range of classes");
        return CodePointRanges.Of(member.Items[0], last.Items[0]);
    }

    private CodePointRanges One()
    {
        int point = _source[_at++];
        if (point != '\\') return CodePointRanges.Of(point, point);
        if (!More) throw Fault("a '\\' at the end");
        if (Current != 'b') return EscapedSet();
        _at++;
        return CodePointRanges.Of('\b', '\b');
    }

    private CodePointRanges Posix()
    {
        bool negative = Take("^");
        var name = new StringBuilder();
        while (More && Current is >= 'a' and <= 'z') name.Append((char)_source[_at++]);
        if (!Take(":]")) throw Fault("a class in [: :]");
        CodePointRanges members = PatternClasses.Posix(name.ToString()) ?? throw Fault(string.Create(CultureInfo.InvariantCulture, $"the class '{name}'"));
        return negative ? members.Complement() : members;
    }
}
