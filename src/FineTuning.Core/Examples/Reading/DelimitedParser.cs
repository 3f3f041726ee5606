using System.Text;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>A record of separated values as it stands in the file.</summary>
/// <param name="Values">As they stand, quotes undone.</param>
/// <param name="Line">The physical line on which it starts, from 1.</param>
internal readonly record struct DelimitedRecord(string[] Values, int Line)
{
    /// <summary>Whether several values are given and none holds anything.</summary>
    public bool IsEmpty => Values.Length > 1 && Array.TrueForAll(Values, value => value.Length == 0);
}

/// <summary>RFC 4180 over any separator, one pass, nothing held but the current record.</summary>
internal sealed class DelimitedParser(TextSource source, DelimitedOptions options, ProblemSink problems)
{
    private const int MostValues = 1 << 16, LengthsInARecord = 4;

    // "sep=;" in quotes and its line end.
    private const int LongestSeparatorLine = 9;

    private readonly char[] _buffer = new char[1 << 14];
    private readonly StringBuilder _value = new();
    private readonly List<string> _values = [];
    private int _length, _position, _line = 1;
    private long _recordLength;
    private char _separator = options.Separator;
    private bool _begun, _ended;

    private bool Quotes => options.Quotes ?? _separator != '\t';

    /// <summary>The next record that is not a blank line; null at the end.</summary>
    /// <exception cref="Errors.TrainingDataException">A quote is never closed, a value is too long, or the file is binary.</exception>
    public DelimitedRecord? Read()
    {
        if (!_begun) TakeSeparatorLine();
        _begun = true;
        while (true)
        {
            _values.Clear();
            _recordLength = 0;
            for (; Peek() == '\uFEFF'; _position++) problems.Error(_line, LineReader.InnerMark);
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
        bool closed = Quotes && Peek() == '"';
        if (closed)
        {
            anyQuoted = true;
            _position++;
            ReadQuoted();
        }
        bool reported = false;
        while (Peek() is { } character && character != _separator && character is not ('\n' or '\r'))
        {
            // What began as a quote lines above and ends inside a word was data: all between would have become one value.
            if (closed && opened != _line) throw Unclosed(opened);
            if (closed && !reported)
                problems.Error(_line, $"characters stand after the closing quote of field {_values.Count + 1}; a quote inside a quoted value is written twice");
            reported = true;
            _position++;
            Append(character);
        }
        if (_values.Count == MostValues)
            throw problems.Refusal(_line, $"the record has more than {MostValues:N0} fields; the file seems to have another separator");
        _values.Add(_value.ToString());
        char? end = Peek();
        if (end is null) return false;
        _position++;
        if (end == _separator) return true;
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
        string advice = _separator == '\t' ? "; in tab-separated text quotes are often data: set Quotes = false"
            : "; where quotes are data, set Quotes = false";
        return problems.Refusal(line, $"the quote opened in field {_values.Count + 1} is never closed: what follows would become one value{advice}");
    }

    private void Append(char character)
    {
        if (character == '\0') throw source.Binary(_line);
        if (_value.Length >= options.LongestValue)
            throw problems.Refusal(_line, $"field {_values.Count + 1} is longer than {options.LongestValue:N0} characters; raise LongestValue if it is meant");
        if (++_recordLength > (long)options.LongestValue * LengthsInARecord)
            throw problems.Refusal(_line,
                $"the record is longer than {LengthsInARecord} times LongestValue ({options.LongestValue:N0} characters); raise it if it is meant");
        _value.Append(character);
    }

    /// <summary>Spreadsheets write a first line such as <c>sep=;</c>: it names the separator and is no record.</summary>
    private void TakeSeparatorLine()
    {
        for (int read = 1; read > 0 && _length < LongestSeparatorLine; _length += read) read = source.Read(_buffer.AsSpan(_length), 1);
        ReadOnlySpan<char> start = _buffer.AsSpan(0, _length);
        int quote = start.StartsWith("\"") ? 1 : 0, end = quote + 5 + quote;
        if (start.Length < end || !start[quote..].StartsWith("sep=", StringComparison.OrdinalIgnoreCase) || (quote == 1 && start[end - 1] != '"')) return;
        char named = start[quote + 4];
        if (named is '"' or '\n' or '\r' || (start.Length > end && start[end] is not ('\n' or '\r'))) return;
        if (named != _separator && _separator != ',')
        {
            throw problems.Refusal(1, $"the first line says that values are separated by '{named}', but they are read as separated by '{_separator}'; "
                + "read the file with Csv.Read and leave Separator out, or remove the line");
        }
        problems.Warn(1, $"the first line names the separator, '{named}'; it is used");
        _separator = named;
        _position = end;
        if (_position < _length && _buffer[_position] == '\r') _position++;
        if (_position < _length && _buffer[_position] == '\n') _position++;
        _line++;
    }

    private char? Peek()
    {
        if (_position < _length) return _buffer[_position];
        if (_ended) return null;
        _length = source.Read(_buffer, _line);
        _position = 0;
        _ended = _length == 0;
        return _ended ? null : _buffer[0];
    }
}
