namespace FineTuning.Examples;

/// <summary>A stream that is only read, and only forwards, as a pipe is.</summary>
internal abstract class ForwardStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public abstract override int Read(Span<byte> buffer);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>One stream behind another; both are disposed with this one.</summary>
/// <param name="first">Comes first: bytes that were looked at already, for example, so that nothing has to seek.</param>
/// <param name="second">Comes behind it.</param>
internal sealed class JoinedStream(Stream first, Stream second) : ForwardStream
{
    private bool _firstEnded;

    public override int Read(Span<byte> buffer)
    {
        if (!_firstEnded && buffer.Length > 0)
        {
            int count = first.Read(buffer);
            if (count > 0) return count;
            _firstEnded = true;
        }
        return second.Read(buffer);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) first.Dispose();
        if (disposing) second.Dispose();
        base.Dispose(disposing);
    }
}
