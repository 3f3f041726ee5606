using System.Buffers.Binary;
using System.IO.Compression;

namespace FineTuning.Examples;

/// <summary>What a gzip file holds, to its last byte: the framework's stream ends silently where the file is cut off.</summary>
/// <remarks>
/// A file of one member ends in the checksum and the length of its content (RFC 1952, section 2.3.1), and these are compared.
/// A file of several is read a second time with a member of known content behind it: a whole file ends before that, so that this content comes last;
/// one that is cut off takes it for its own data.
/// </remarks>
internal sealed class GzipContent : ForwardStream
{
    private const int TrailerLength = 8;

    private static readonly byte[] Mark = "the end of a whole file"u8.ToArray();
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256)
        .Select(value => Enumerable.Range(0, 8).Aggregate((uint)value, (rest, _) => (rest & 1) == 0 ? rest >> 1 : (rest >> 1) ^ 0xEDB88320))];

    private readonly Tail _tail;
    private readonly GZipStream _unpacked;
    private readonly Func<Stream>? _reopen;
    private uint _checksum = uint.MaxValue, _length;
    private bool _whole;

    /// <param name="packed">The file's bytes; disposed with this stream.</param>
    /// <param name="reopen">Opens the file once more. Null: it is a pipe.</param>
    public GzipContent(Stream packed, Func<Stream>? reopen)
    {
        (_tail, _reopen) = (new Tail(packed), reopen);
        _unpacked = new GZipStream(_tail, CompressionMode.Decompress);
    }

    /// <exception cref="InvalidDataException">The file is damaged or cut off.</exception>
    public override int Read(Span<byte> buffer)
    {
        int read = _unpacked.Read(buffer);
        foreach (byte value in buffer[..read]) _checksum = Table[(byte)(_checksum ^ value)] ^ (_checksum >> 8);
        _length += (uint)read;
        if (read == 0 && buffer.Length > 0 && !_whole)
        {
            _whole = EndsHere() || (_reopen is not null && EndsBeforeMark(_reopen()));
            if (!_whole) throw new InvalidDataException("the gzip file is cut off");
        }
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _unpacked.Dispose();
        base.Dispose(disposing);
    }

    private bool EndsHere() => _tail.Last is { Length: TrailerLength } trailer
        && BinaryPrimitives.ReadUInt32LittleEndian(trailer) == ~_checksum && BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(4)) == _length;

    private static bool EndsBeforeMark(Stream file)
    {
        using var unpacked = new GZipStream(new JoinedStream(file, new MemoryStream(Packed(Mark))), CompressionMode.Decompress);
        byte[] last = [], buffer = new byte[DataFile.BufferSize];
        for (int read = unpacked.Read(buffer); read > 0; read = unpacked.Read(buffer))
        {
            last = [.. last, .. buffer.AsSpan(Math.Max(0, read - Mark.Length), Math.Min(read, Mark.Length))];
            last = last[Math.Max(0, last.Length - Mark.Length)..];
        }
        return last.AsSpan().SequenceEqual(Mark);
    }

    private static byte[] Packed(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return stream.ToArray();
    }

    /// <summary>A stream of which the last bytes are remembered.</summary>
    private sealed class Tail(Stream stream) : ForwardStream
    {
        public byte[] Last { get; private set; } = [];

        public override int Read(Span<byte> buffer)
        {
            int read = stream.Read(buffer);
            if (read >= TrailerLength) Last = buffer[(read - TrailerLength)..read].ToArray();
            else if (read > 0) Last = [.. Last.AsSpan(Math.Max(0, Last.Length + read - TrailerLength)), .. buffer[..read]];
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) stream.Dispose();
            base.Dispose(disposing);
        }
    }
}
