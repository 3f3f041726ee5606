using System.Text;
using FineTuning.Errors;

namespace FineTuning.Examples;

/// <summary>Opens data files as bytes, forwards only: gzip is unpacked, and what is no text is named as what it is.</summary>
internal static class DataFile
{
    public const int BufferSize = 1 << 16;

    private const int BytesLookedAt = 8;

    private static readonly (byte[] Start, string What)[] Foreign =
    [
        ([0x50, 0x4B, 0x03, 0x04], "a zip archive (or a spreadsheet, .xlsx); unpack it, or save the sheet as CSV UTF-8"),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "an old spreadsheet (.xls); save it as CSV UTF-8"),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd; unpack it (only gzip is read as it is)"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "compressed by xz; unpack it (only gzip is read as it is)"),
        ([0x42, 0x5A, 0x68], "compressed by bzip2; unpack it (only gzip is read as it is)"),
        ([0x50, 0x41, 0x52, 0x31], "a Parquet file; convert it to JSON lines or CSV"),
        ([0x41, 0x52, 0x52, 0x4F, 0x57, 0x31], "an Arrow file; convert it to JSON lines or CSV"),
    ];

    /// <summary>The bytes of a file or a pipe from their start, unpacked where they are gzip.</summary>
    /// <exception cref="TrainingDataException">The path is a folder, or the file is of another kind.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Stream Open(string path, ProblemSink problems) => Open(path, problems, out _);

    /// <summary>The bytes of a file or a pipe from their start, unpacked where they are gzip.</summary>
    /// <exception cref="TrainingDataException">The path is a folder, or the file is of another kind.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Stream Open(string path, ProblemSink problems, out bool readsTwice)
    {
        if (Directory.Exists(path)) throw problems.Refusal(null, "it is a folder; name the file in it");
        Stream file = Bytes(path);
        readsTwice = file.CanSeek;
        try
        {
            (Stream bytes, byte[] start) = LookedAt(file);
            if (start is [0x1F, 0x8B, ..]) (bytes, start) = LookedAt(new GzipContent(bytes, readsTwice ? () => Bytes(path) : null));
            foreach ((byte[] mark, string what) in Foreign)
            {
                if (start.AsSpan().StartsWith(mark) && !IsText(mark, start)) throw problems.Refusal(null, $"the file is {what}");
            }
            return bytes;
        }
        catch (InvalidDataException failure)
        {
            file.Dispose();
            throw Damaged(problems, null, failure);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The error for a gzip file that cannot be unpacked.</summary>
    public static TrainingDataException Damaged(ProblemSink problems, int? line, Exception failure) =>
        problems.Refusal(line, "the gzip file is damaged or cut off; fetch it again", failure);

    /// <summary>
    /// Where a file stops being UTF-8, for the message: the line, from 1, and the byte; null where it is all UTF-8.
    /// Not for pipes: opening one again waits forever.
    /// </summary>
    public static (int Line, byte Byte)? FirstInvalidByte(string path, ProblemSink problems)
    {
        using var stream = new BufferedStream(Open(path, problems), BufferSize);
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

    // A buffer of its own would ask a pipe for its position.
    private static FileStream Bytes(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);

    private static (Stream Bytes, byte[] Start) LookedAt(Stream stream)
    {
        var start = new byte[BytesLookedAt];
        int length = stream.ReadAtLeast(start, BytesLookedAt, throwOnEndOfStream: false);
        return (new JoinedStream(new MemoryStream(start, 0, length), stream), start[..length]);
    }

    // Marks of letters alone may begin a text: what follows them in the formats is no printable character, or the file is short.
    private static bool IsText(byte[] mark, byte[] start) =>
        Array.TrueForAll(mark, IsPrintable) && Array.TrueForAll(start[mark.Length..], IsPrintable) && !IsBlock(mark, start);

    private static bool IsPrintable(byte value) => value is >= 0x20 or (byte)'\t' or (byte)'\n' or (byte)'\r';

    // bzip2: the level from 1 to 9, then pi.
    private static bool IsBlock(byte[] mark, byte[] start) =>
        mark is [0x42, ..] && start.Length > 4 && start[3] is >= (byte)'1' and <= (byte)'9' && start[4] == 0x31 && start[5] == 0x41;
}
