using System.IO.Compression;

namespace FineTuning.Examples;

/// <summary>What a gzip file holds, to its last byte: the framework's stream ends without a word where the file is cut off.</summary>
/// <remarks>
/// A member of known content is put behind the file. A whole file ends before it, so that this content comes last; one that is cut off takes it for its own
/// data, and then it is missing.
/// </remarks>
internal sealed class GzipContent : ForwardStream
{
    private static readonly byte[] Mark = "the end of a whole file"u8.ToArray();

    private readonly GZipStream _unpacked;
    private readonly byte[] _buffer = new byte[DataFile.BufferSize];
    private int _start, _length;
    private bool _ended;

    public GzipContent(Stream packed) => _unpacked = new GZipStream(new JoinedStream(packed, new MemoryStream(Packed(Mark))), CompressionMode.Decompress);

    /// <exception cref="InvalidDataException">The file is damaged or cut off.</exception>
    public override int Read(Span<byte> buffer)
    {
        // As many bytes as the mark has are held back: they may be the mark.
        while (!_ended && _length - _start <= Mark.Length) Fill();
        int count = Math.Min(buffer.Length, _length - _start - Mark.Length);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _unpacked.Dispose();
        base.Dispose(disposing);
    }

    private void Fill()
    {
        _buffer.AsSpan(_start, _length - _start).CopyTo(_buffer);
        (_start, _length) = (0, _length - _start);
        int read = _unpacked.Read(_buffer.AsSpan(_length));
        _length += read;
        if (read > 0) return;
        _ended = true;
        if (!_buffer.AsSpan(0, _length).EndsWith(Mark)) throw new InvalidDataException("the gzip file is cut off");
    }

    private static byte[] Packed(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return stream.ToArray();
    }
}
