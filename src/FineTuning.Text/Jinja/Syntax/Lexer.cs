namespace FineTuning.Text.Jinja;

/// <summary>
/// Cuts a template into text and tags, with white space as trim_blocks and lstrip_blocks leave it: the line end behind a block tag or comment goes,
/// and so does the white space between the beginning of a line and one. A minus strips all white space up to the neighbouring tag, a plus keeps it.
/// </summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position, _line = 1;
    private bool _lineStarts = true;

    private Lexer(string source) => _source = source;

    public static List<Token> Read(string template)
    {
        string source = template.Contains('\r', StringComparison.Ordinal)
            ? template.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : template;
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        try
        {
            lexer.ReadAll();
        }
        catch (TemplateFault fault) when (fault.Line is null)
        {
            throw new TemplateFault(fault.Message, false, lexer._line);
        }
        lexer._tokens.Add(new(TokenKind.End, "", lexer._line));
        return lexer._tokens;
    }

    private void ReadAll()
    {
        while (_position < _source.Length)
        {
            int begin = NextTag();
            if (begin < 0)
            {
                AddText(_source[_position..], _source.Length);
                return;
            }
            switch (_source[begin + 1])
            {
                case '{':
                    ReadTag(begin, TokenKind.PrintBegin, TokenKind.PrintEnd);
                    break;
                case '#':
                    ReadComment(begin);
                    break;
                default:
                    if (RawEnd(begin) is var end and > 0) ReadRaw(begin, end);
                    else ReadTag(begin, TokenKind.BlockBegin, TokenKind.BlockEnd);
                    break;
            }
        }
    }

    private int NextTag()
    {
        for (int at = _source.IndexOf('{', _position); at >= 0 && at + 1 < _source.Length; at = _source.IndexOf('{', at + 1))
        {
            if (_source[at + 1] is '{' or '%' or '#') return at;
        }
        return -1;
    }

    private void ReadTag(int begin, TokenKind opening, TokenKind closing)
    {
        int inside = AddTextBefore(begin, strips: opening == TokenKind.BlockBegin);
        _tokens.Add(new(opening, "", _line));
        (_position, int lines) = TagLexer.Read(_source, inside, _line, opening, closing, _tokens);
        EndAt(_position);
        _line += lines;
    }

    private void ReadComment(int begin)
    {
        int inside = AddTextBefore(begin, strips: true);
        int end = _source.IndexOf("#}", inside, StringComparison.Ordinal);
        if (end < 0)
        {
            if (inside < _source.Length) throw new TemplateFault("a comment is not closed: '#}' was expected");
            _position = inside;
            return;
        }
        char sign = end > inside ? _source[end - 1] : ' ';
        Finish(inside, AfterClosing(_source, end + 2, sign, trims: true));
    }

    // {% raw %} up to {% endraw %}: what stands between is text.
    private void ReadRaw(int begin, int afterBegin)
    {
        int inside = AddTextBefore(begin, strips: true);
        CountLines(inside, afterBegin);
        _position = afterBegin;
        for (int at = _source.IndexOf("{%", afterBegin, StringComparison.Ordinal); at >= 0; at = _source.IndexOf("{%", at + 2, StringComparison.Ordinal))
        {
            int name = SkipSpace(at + 2 + (Sign(at + 2) == ' ' ? 0 : 1));
            if (string.CompareOrdinal(_source, name, "endraw", 0, 6) != 0) continue;
            int close = SkipSpace(name + 6);
            char sign = Sign(close);
            if (sign != ' ') close++;
            if (string.CompareOrdinal(_source, close, "%}", 0, 2) != 0) continue;
            _lineStarts = _source[afterBegin - 1] == '\n';
            int afterSign = AddTextBefore(at, strips: true);
            Finish(afterSign, AfterClosing(_source, close + 2, sign, trims: true));
            return;
        }
        if (afterBegin < _source.Length) throw new TemplateFault("a raw block is not closed: '{% endraw %}' was expected");
    }

    /// <summary>Where the text behind a raw tag begins; -1: the tag is another one.</summary>
    private int RawEnd(int begin)
    {
        int name = SkipSpace(begin + 2 + (Sign(begin + 2) == ' ' ? 0 : 1));
        if (string.CompareOrdinal(_source, name, "raw", 0, 3) != 0) return -1;
        int close = SkipSpace(name + 3);
        bool strips = close < _source.Length && _source[close] == '-';
        if (strips) close++;
        if (string.CompareOrdinal(_source, close, "%}", 0, 2) != 0) return -1;
        return strips ? SkipSpace(close + 2) : close + 2;
    }

    /// <summary>Adds the text up to a tag, less the white space the tag strips; the index behind its sign.</summary>
    private int AddTextBefore(int begin, bool strips)
    {
        ReadOnlySpan<char> text = _source.AsSpan(_position, begin - _position);
        char sign = Sign(begin + 2);
        int kept = text.Length;
        if (sign == '-')
        {
            kept = WhiteSpace.TrimmedEnd(text);
        }
        else if (strips && sign != '+')
        {
            int lineStart = text.LastIndexOf('\n') + 1;
            if ((lineStart > 0 || _lineStarts) && WhiteSpace.TrimmedStart(text[lineStart..]) == text.Length - lineStart) kept = lineStart;
        }
        AddText(text[..kept].ToString(), begin);
        return begin + (sign == ' ' ? 2 : 3);
    }

    private void AddText(string text, int end)
    {
        if (text.Length > 0) _tokens.Add(new(TokenKind.Data, text, _line));
        CountLines(_position, end);
        _position = end;
    }

    private void Finish(int from, int to)
    {
        CountLines(from, to);
        EndAt(to);
    }

    private void EndAt(int position)
    {
        _position = position;
        _lineStarts = _source[position - 1] == '\n';
    }

    private void CountLines(int from, int to) => _line += _source.AsSpan(from, to - from).Count('\n');

    private char Sign(int position) => position < _source.Length && _source[position] is '-' or '+' ? _source[position] : ' ';

    private int SkipSpace(int position) => position + WhiteSpace.TrimmedStart(_source.AsSpan(Math.Min(position, _source.Length)));

    /// <summary>The index behind a closed tag and the white space it takes with it.</summary>
    public static int AfterClosing(string source, int position, char sign, bool trims)
    {
        if (sign == '-') return position + WhiteSpace.TrimmedStart(source.AsSpan(position));
        return trims && sign != '+' && position < source.Length && source[position] == '\n' ? position + 1 : position;
    }
}
