using System.Text;

namespace FineTuning.Examples;

/// <summary>Lines that end at LF, CR LF or CR and nowhere else, counted from 1.</summary>
internal sealed class LineReader(TextReader reader, ProblemSink problems, int longestLine)
{
    private readonly StringBuilder _line = new();
    private readonly char[] _buffer = new char[1 << 14];
    private int _length, _position;
    private bool _ended;

    /// <summary>The number of the line that was read last.</summary>
    public int Number { get; private set; }

    /// <summary>The next line without its end; null at the end of the file.</summary>
    public string? Read()
    {
        _line.Clear();
        bool any = false;
        while (Next() is { } character)
        {
            any = true;
            if (character is '\n' or '\r')
            {
                if (character == '\r' && Peek() == '\n') _position++;
                Number++;
                return _line.ToString();
            }
            if (character == '\0') throw problems.Refusal(Number + 1, "a NUL character was found: the file is binary, or UTF-16 without a byte order mark; save it as UTF-8 or name its encoding");
            if (_line.Length >= longestLine) throw problems.Refusal(Number + 1, $"the line is longer than {longestLine:N0} characters; raise the limit in the options if it is meant");
            _line.Append(character);
        }
        if (!any) return null;
        Number++;
        return _line.ToString();
    }

    private char? Peek() => Fill() ? _buffer[_position] : null;

    private char? Next() => Fill() ? _buffer[_position++] : null;

    private bool Fill()
    {
        if (_position < _length) return true;
        if (_ended) return false;
        _length = reader.Read(_buffer, 0, _buffer.Length);
        _position = 0;
        _ended = _length == 0;
        return !_ended;
    }
}
