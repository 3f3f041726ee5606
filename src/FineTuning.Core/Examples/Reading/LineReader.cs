using System.Text;

namespace FineTuning.Examples;

/// <summary>Lines that end at LF, CR LF or CR and nowhere else, counted from 1.</summary>
internal sealed class LineReader(TextSource source, ProblemSink problems, int longestLine)
{
    private readonly StringBuilder _line = new();
    private readonly char[] _buffer = new char[1 << 14];
    private int _length, _position;
    private bool _ended;

    /// <summary>The number of the line that was read last.</summary>
    public int Number { get; private set; }

    /// <summary>The next line without its end; null at the end of the file.</summary>
    /// <exception cref="Errors.TrainingDataException">The line is too long or no text, or, without a handler, a byte order mark begins it.</exception>
    public string? Read()
    {
        _line.Clear();
        bool any = false;
        while (Next() is { } character)
        {
            if (character == '\uFEFF' && _line.Length == 0)
            {
                problems.Error(Number + 1, InnerMark);
                continue;
            }
            any = true;
            if (character is '\n' or '\r')
            {
                if (character == '\r' && Peek() == '\n') _position++;
                return Ended();
            }
            if (character == '\0') throw source.Binary(Number + 1);
            if (_line.Length >= longestLine)
                throw problems.Refusal(Number + 1, $"the line is longer than {longestLine:N0} characters; raise the limit in the options if it is meant");
            _line.Append(character);
        }
        return any ? Ended() : null;
    }

    /// <summary>What is said of a byte order mark that does not stand at the beginning of the file.</summary>
    public const string InnerMark = "a byte order mark (U+FEFF) stands inside the file: files were joined, perhaps, "
        + "and a header may stand here again; remove the mark";

    private string Ended()
    {
        Number++;
        return _line.ToString();
    }

    private char? Peek() => Fill() ? _buffer[_position] : null;

    private char? Next() => Fill() ? _buffer[_position++] : null;

    private bool Fill()
    {
        if (_position < _length) return true;
        if (_ended) return false;
        _length = source.Read(_buffer, Number + 1);
        _position = 0;
        _ended = _length == 0;
        return !_ended;
    }
}
