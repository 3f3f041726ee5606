using System.Text;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>
/// The characters of a data file, read strictly: a byte order mark decides, else what the options name, else UTF-8; what is no text is refused with its line.
/// </summary>
/// <remarks>For one thread. Reads forwards only, so that pipes are read as files are.</remarks>
internal sealed class TextSource : IDisposable
{
    private const int BytesLookedAt = 64;

    private readonly string _path;
    private readonly Encoding? _named;
    private readonly ProblemSink _problems;
    private readonly StreamReader _reader;
    private readonly string? _resembles;
    private readonly bool _readsTwice;

    /// <exception cref="TrainingDataException">The path is a folder, or the file is of another kind.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public TextSource(string path, Encoding? encoding, ProblemSink problems)
    {
        (_path, _named, _problems) = (path, encoding, problems);
        Stream bytes = DataFile.Open(path, problems, out _readsTwice);
        try
        {
            Span<byte> start = stackalloc byte[BytesLookedAt];
            start = start[..bytes.ReadAtLeast(start, BytesLookedAt, throwOnEndOfStream: false)];
            (Encoding found, int mark) = start switch
            {
                [0xEF, 0xBB, 0xBF, ..] => (new UTF8Encoding(false, true), 3),
                [0xFF, 0xFE, 0, 0, ..] => (new UTF32Encoding(false, false, true), 4),
                [0, 0, 0xFE, 0xFF, ..] => (new UTF32Encoding(true, false, true), 4),
                [0xFF, 0xFE, ..] => (new UnicodeEncoding(false, false, true), 2),
                [0xFE, 0xFF, ..] => (new UnicodeEncoding(true, false, true), 2),
                _ => (encoding is null ? (Encoding)new UTF8Encoding(false, true) : Strict(encoding), 0),
            };
            if (mark == 0 && encoding is null) _resembles = Resembles(start);
            Encoding = found;
            _reader = new StreamReader(new JoinedStream(new MemoryStream(start[mark..].ToArray()), bytes), found,
                detectEncodingFromByteOrderMarks: false, DataFile.BufferSize);
        }
        catch (InvalidDataException failure)
        {
            bytes.Dispose();
            throw DataFile.Damaged(problems, null, failure);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <summary>The encoding that is read.</summary>
    public Encoding Encoding { get; }

    /// <summary>Reads characters; 0 at the end.</summary>
    /// <param name="buffer">Filled from its start.</param>
    /// <param name="line">The line at which reading stands, for messages.</param>
    /// <exception cref="TrainingDataException">The bytes are no text in the encoding, or a gzip file is damaged.</exception>
    public int Read(Span<char> buffer, int line)
    {
        try
        {
            return _reader.Read(buffer);
        }
        catch (DecoderFallbackException failure)
        {
            throw NotText(line, failure);
        }
        catch (InvalidDataException failure)
        {
            throw DataFile.Damaged(_problems, line, failure);
        }
    }

    /// <summary>The error for a NUL character, which no text holds.</summary>
    public TrainingDataException Binary(int line) => _problems.Refusal(line, _resembles is null
        ? "a NUL character was found: the file is binary, or of another encoding; save it as UTF-8 or name its encoding"
        : $"NUL characters were found: the file looks like {_resembles}; "
        + "save it as UTF-8, or name that encoding in the options (Encoding) where there are any");

    public void Dispose() => _reader.Dispose();

    private TrainingDataException NotText(int line, DecoderFallbackException failure)
    {
        if (Encoding is not UTF8Encoding || (_named is not null and not UTF8Encoding))
        {
            return _problems.Refusal(null, $"after line {line - 1} bytes do not fit the encoding {Encoding.WebName}; "
                + "name the right one in the options (Encoding)", failure);
        }
        (int Line, byte Byte)? found = _readsTwice ? DataFile.FirstInvalidByte(_path, _problems) : null;
        string which = found is { } first ? $" (first bad byte 0x{first.Byte:X2})" : $" somewhere after line {line - 1}";
        if (_resembles is not null) which += $", and the file looks like {_resembles}";
        return _problems.Refusal(found?.Line, $"the bytes are not valid UTF-8{which}; "
            + "save the file as UTF-8, or name its encoding in the options (Encoding) where there are any", failure);
    }

    // Texts of western scripts have a NUL beside every character in UTF-16.
    private static string? Resembles(ReadOnlySpan<byte> start)
    {
        int even = 0, odd = 0;
        for (int i = 0; i < start.Length; i++)
        {
            if (start[i] != 0) continue;
            if (i % 2 == 0) even++;
            else odd++;
        }
        if (odd > 0 && even == 0) return "UTF-16 (little endian, Encoding.Unicode) without a byte order mark";
        return even > 0 && odd == 0 ? "UTF-16 (big endian, Encoding.BigEndianUnicode) without a byte order mark" : null;
    }

    private static Encoding Strict(Encoding encoding)
    {
        var strict = (Encoding)encoding.Clone();
        strict.DecoderFallback = DecoderFallback.ExceptionFallback;
        return strict;
    }
}
