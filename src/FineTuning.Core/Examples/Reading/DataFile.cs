using System.Text;

namespace FineTuning.Examples;

/// <summary>Opens text files strictly: a byte order mark decides, else UTF-8; bytes that are no text are refused with their line.</summary>
internal static class DataFile
{
    private const int BufferSize = 1 << 16;

    public static StreamReader Open(string path, Encoding? encoding)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferSize, FileOptions.SequentialScan);
        Span<byte> start = stackalloc byte[3];
        int length = stream.ReadAtLeast(start, 3, throwOnEndOfStream: false);
        (Encoding found, int mark) = start[..length] switch
        {
            [0xEF, 0xBB, 0xBF] => (new UTF8Encoding(false, true), 3),
            [0xFF, 0xFE, ..] => (new UnicodeEncoding(false, false, true), 2),
            [0xFE, 0xFF, ..] => (new UnicodeEncoding(true, false, true), 2),
            _ => (encoding is null ? new UTF8Encoding(false, true) : Strict(encoding), 0),
        };
        stream.Position = mark;
        return new StreamReader(stream, found, detectEncodingFromByteOrderMarks: false, BufferSize);
    }

    /// <summary>Where a file stops being UTF-8, for the message: the line, from 1, and the byte; null where it is all UTF-8.</summary>
    public static (int Line, byte Byte)? FirstInvalidByte(string path)
    {
        using var stream = new BufferedStream(File.OpenRead(path), BufferSize);
        int line = 1, previous = -1;
        Span<byte> rune = stackalloc byte[4];
        for (int current = stream.ReadByte(); current >= 0;)
        {
            int length = current < 0x80 ? 1 : current is >= 0xC2 and < 0xE0 ? 2 : current is >= 0xE0 and < 0xF0 ? 3 : current is >= 0xF0 and < 0xF5 ? 4 : 0;
            if (length == 0) return (line, (byte)current);
            rune[0] = (byte)current;
            int read = 1, next = stream.ReadByte();
            for (; read < length && next is >= 0x80 and < 0xC0; read++)
            {
                rune[read] = (byte)next;
                next = stream.ReadByte();
            }
            if (Rune.DecodeFromUtf8(rune[..read], out _, out int consumed) != System.Buffers.OperationStatus.Done || consumed != length) return (line, rune[0]);
            if (current == '\n' ? previous != '\r' : current == '\r') line++;
            previous = current;
            current = next;
        }
        return null;
    }

    private static Encoding Strict(Encoding encoding)
    {
        var strict = (Encoding)encoding.Clone();
        strict.DecoderFallback = DecoderFallback.ExceptionFallback;
        return strict;
    }
}
