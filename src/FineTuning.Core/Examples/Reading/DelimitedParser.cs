using System.Text;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>A record of separated values as it stands in the file.</summary>
/// <param name="Values">As they stand, quotes undone.</param>
/// <param name="Line">The physical line on which it starts, from 1.</param>
internal readonly record struct DelimitedRecord(string[] Values, int Line);

/// <summary>RFC 4180 over any separator, one pass, nothing held but the record at hand.</summary>
internal sealed class DelimitedParser(TextReader reader, DelimitedOptions options, ProblemSink problems)
{
    private readonly char[] _buffer = new char[1 << 14];
    private readonly StringBuilder _value = new();
    private readonly List<string> _values = [];
    private int _length, _position, _line = 1;
    private bool _ended;

    /// <summary>The next record that is not a blank line; null at the end.</summary>
    /// <exception cref="Errors.TrainingDataException">A quote is never closed, a value is too long, or the file is binary.</exception>
    public DelimitedRecord? Read()
    {
        while (true)
        {
            _values.Clear();
            int start = _line;
            bool quoted = false, more = true;
            while (more) more = ReadValue(ref quoted);
            bool blank = _values.Count == 1 && _values[0].Length == 0 && !quoted;
            if (!blank) return new([.. _values], start);
            if (Peek() is null) return null;
        }
    }

    /// <summary>Reads one value and what ends it; true where another follows in the record.</summary>
    private bool ReadValue(ref bool anyQuoted)
    {
        _value.Clear();
        if (options.TrimAfterSeparator)
        {
            while (Peek() == ' ') _position++;
        }
        int opened = _line;
        bool closed = options.Quotes && Peek() == '"';
        if (closed)
        {
            anyQuoted = true;
            _position++;
            ReadQuoted();
        }
        bool reported = false;
        while (Peek() is { } character && character != options.Separator && character is not ('\n' or '\r'))
        {
            // What began as a quote lines above and ends inside a word was data: all between would have become one value.
            if (closed && opened != _line) throw Unclosed(opened);
            if (closed && !reported) problems.Error(_line, $"characters stand after the closing quote of field {_values.Count + 1}; a quote inside a quoted value is written twice");
            reported = true;
            _position++;
            Append(character);
        }
        _values.Add(_value.ToString());
        char? end = Peek();
        if (end is null) return false;
        _position++;
        if (end == options.Separator) return true;
        if (end == '\r' && Peek() == '\n') _position++;
        _line++;
        return false;
    }

    private void ReadQuoted()
    {
        int opened = _line;
        while (Peek() is { } character)
        {
            _position++;
            if (character == '"')
            {
                if (Peek() != '"') return;
                _position++;
            }
            else if (character is '\n' or '\r')
            {
                if (character == '\r' && Peek() == '\n')
                {
                    Append('\r');
                    _position++;
                    character = '\n';
                }
                _line++;
            }
            Append(character);
        }
        throw Unclosed(opened);
    }

    private TrainingDataException Unclosed(int line)
    {
        string advice = options.Separator == '\t' ? "; in tab-separated text quotes are often data: turn Quotes off" : "";
        return problems.Refusal(line, $"the quote opened in field {_values.Count + 1} is never closed: what follows would become one value{advice}");
    }

    private void Append(char character)
    {
        if (character == '\0') throw problems.Refusal(_line, "a NUL character was found: the file is binary, or UTF-16 without a byte order mark; save it as UTF-8 or name its encoding");
        if (_value.Length >= options.LongestValue) throw problems.Refusal(_line, $"field {_values.Count + 1} is longer than {options.LongestValue:N0} characters; raise LongestValue if it is meant");
        _value.Append(character);
    }

    private char? Peek()
    {
        if (_position < _length) return _buffer[_position];
        if (_ended) return null;
        _length = reader.Read(_buffer, 0, _buffer.Length);
        _position = 0;
        _ended = _length == 0;
        return _ended ? null : _buffer[0];
    }
}
