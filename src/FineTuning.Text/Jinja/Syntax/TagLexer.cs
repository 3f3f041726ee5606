using System.Globalization;
using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>Cuts the inside of a tag into names, numbers, strings and operators.</summary>
internal ref struct TagLexer
{
    private static readonly string[] LongOperators = ["//", "**", "==", "!=", ">=", "<="];

    private readonly string _source;
    private readonly List<Token> _tokens;
    private readonly Stack<char> _brackets = new();
    private readonly int _firstLine;
    private int _position, _lines;

    private TagLexer(string source, int position, int line, List<Token> tokens) => (_source, _position, _firstLine, _tokens) = (source, position, line, tokens);

    /// <summary>Reads up to behind the end of the tag; how many line ends there were.</summary>
    public static (int Position, int Lines) Read(string source, int position, int line, TokenKind opening, TokenKind closing, List<Token> tokens)
    {
        var lexer = new TagLexer(source, position, line, tokens);
        int start = position;
        while (!lexer.TryClose(opening, closing))
        {
            if (lexer._position >= source.Length) return (source.Length, lexer._lines);
            lexer.ReadOne();
        }
        return (lexer._position, source.AsSpan(start, lexer._position - start).Count('\n'));
    }

    private bool TryClose(TokenKind opening, TokenKind closing)
    {
        if (_brackets.Count > 0) return false;
        string end = opening == TokenKind.BlockBegin ? "%}" : "}}";
        char sign = _position < _source.Length ? _source[_position] : ' ';
        if (sign != '-' && (sign != '+' || opening != TokenKind.BlockBegin)) sign = ' ';
        int at = _position + (sign == ' ' ? 0 : 1);
        if (string.CompareOrdinal(_source, at, end, 0, 2) != 0) return false;
        _tokens.Add(new(closing, "", _firstLine + _lines));
        _position = Lexer.AfterClosing(_source, at + 2, sign, trims: opening == TokenKind.BlockBegin);
        return true;
    }

    private void ReadOne()
    {
        char first = _source[_position];
        if (WhiteSpace.Is(first))
        {
            if (first == '\n') _lines++;
            _position++;
        }
        else if (char.IsAsciiDigit(first))
        {
            ReadNumber();
        }
        else if (first is '\'' or '"')
        {
            ReadString(first);
        }
        else if (NameLength(_source.AsSpan(_position)) is var length and > 0)
        {
            Add(TokenKind.Name, length);
        }
        else
        {
            ReadOperator(first);
        }
    }

    private void ReadNumber()
    {
        ReadOnlySpan<char> rest = _source.AsSpan(_position);
        int end = Digits(rest, 0);
        bool isFloat = false;
        if (_position == 0 || _source[_position - 1] != '.')
        {
            int behind = end;
            if (behind + 1 < rest.Length && rest[behind] == '.' && Digits(rest, behind + 1) is var fraction && fraction > behind + 1)
                (behind, isFloat) = (fraction, true);
            if (behind < rest.Length && rest[behind] is 'e' or 'E')
            {
                int sign = behind + 1 < rest.Length && rest[behind + 1] is '+' or '-' ? behind + 2 : behind + 1;
                if (Digits(rest, sign) is var exponent && exponent > sign) (behind, isFloat) = (exponent, true);
            }
            if (isFloat)
            {
                double number = double.Parse(rest[..behind].ToString().Replace("_", "", StringComparison.Ordinal),
                    NumberStyles.Float, CultureInfo.InvariantCulture);
                Add(TokenKind.Float, behind, number);
                return;
            }
        }
        int length = IntegerLength(rest);
        Add(TokenKind.Integer, length, Token.IntegerOf(rest[..length].ToString()));
    }

    // Behind the last digit of digits with single underscores between them; `from` where there is none.
    private static int Digits(ReadOnlySpan<char> text, int from)
    {
        int end = from;
        while (end < text.Length
            && (char.IsAsciiDigit(text[end]) || (end > from && text[end] == '_' && end + 1 < text.Length && char.IsAsciiDigit(text[end + 1]))))
            end++;
        return end;
    }

    private static int IntegerLength(ReadOnlySpan<char> text)
    {
        if (text[0] != '0') return Digits(text, 0);
        Func<char, bool>? allowed = text.Length < 2 ? null : text[1] switch
        {
            'x' or 'X' => char.IsAsciiHexDigit,
            'b' or 'B' => digit => digit is '0' or '1',
            'o' or 'O' => digit => digit is >= '0' and <= '7',
            _ => null,
        };
        int start = allowed is null ? 1 : 2, end = start;
        allowed ??= digit => digit == '0';
        while (end < text.Length && (allowed(text[end]) || (text[end] == '_' && end + 1 < text.Length && allowed(text[end + 1])))) end++;
        return start == 2 && end == 2 ? 1 : end;
    }

    private void ReadString(char quote)
    {
        int end = _position + 1;
        while (end < _source.Length && _source[end] != quote) end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length) throw new TemplateFault("a string is not closed", false, _firstLine + _lines);
        string text = StringEscapes.Resolve(_source.AsSpan(_position + 1, end - _position - 1));
        int lines = _source.AsSpan(_position, end - _position).Count('\n');
        _tokens.Add(new(TokenKind.Text, text, _firstLine + _lines));
        _lines += lines;
        _position = end + 1;
    }

    private void ReadOperator(char first)
    {
        foreach (string text in LongOperators)
        {
            if (string.CompareOrdinal(_source, _position, text, 0, 2) != 0) continue;
            Add(TokenKind.Operator, 2);
            return;
        }
        if (!"+-/*%~[](){}><=.:|,;".Contains(first, StringComparison.Ordinal))
            throw new TemplateFault($"the character '{first}' (U+{(int)first:X4}) has no meaning here", false, _firstLine + _lines);
        if (first is '(' or '[' or '{')
        {
            _brackets.Push(first switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (first is ')' or ']' or '}')
        {
            if (!_brackets.TryPop(out char expected) || expected != first)
                throw new TemplateFault($"'{first}' closes nothing that is open", false, _firstLine + _lines);
        }
        Add(TokenKind.Operator, 1);
    }

    private void Add(TokenKind kind, int length, object? number = null)
    {
        _tokens.Add(new(kind, _source.Substring(_position, length), _firstLine + _lines) { Number = number });
        _position += length;
    }

    private static int NameLength(ReadOnlySpan<char> text)
    {
        int end = 0;
        while (end < text.Length && Rune.DecodeFromUtf16(text[end..], out Rune rune, out int length) == System.Buffers.OperationStatus.Done
            && IsNamePart(rune, end == 0))
            end += length;
        return end;
    }

    private static bool IsNamePart(Rune rune, bool isFirst) => rune.Value == '_' || Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter
            or UnicodeCategory.LetterNumber => true,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.DecimalDigitNumber
            or UnicodeCategory.ConnectorPunctuation => !isFirst,
        _ => false,
    };
}
