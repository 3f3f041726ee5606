using System.Buffers.Binary;

namespace FineTuning.Tensors;

/// <summary>
/// Counts what a zip archive lists before a library makes an object of each entry: it reads on as long as headers come, whatever number the end states.
/// </summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054b50, LargeEndSignature = 0x06064b50, LocatorSignature = 0x07064b50, EntrySignature = 0x02014b50;
    private const int EndLength = 22, LocatorLength = 20, LargeEndLength = 56, EntryLength = 46, LongestComment = ushort.MaxValue;

    /// <param name="stream">The whole file; its position changes.</param>
    /// <param name="most">The most entries.</param>
    /// <exception cref="InvalidDataException">There are more. What is no archive is not judged here.</exception>
    public static void RequireAtMost(Stream stream, int most)
    {
        if (Start(stream) is not { } position) return;
        Span<byte> entry = stackalloc byte[EntryLength];
        for (int count = 0; TryRead(stream, position, entry) && BinaryPrimitives.ReadUInt32LittleEndian(entry) == EntrySignature; count++)
        {
            if (count == most) throw new InvalidDataException($"its directory lists more than {most} files");
            position += EntryLength + Short(entry, 28) + Short(entry, 30) + Short(entry, 32);
        }
    }

    // Where the directory begins. Null: the file has no end that says so.
    private static long? Start(Stream stream)
    {
        var tail = new byte[(int)Math.Min(stream.Length, EndLength + LongestComment)];
        long tailStart = stream.Length - tail.Length;
        if (!TryRead(stream, tailStart, tail)) return null;
        Span<byte> signature = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(signature, EndSignature);
        int index = tail.Length < EndLength ? -1 : tail.AsSpan(0, tail.Length - EndLength + 4).LastIndexOf(signature);
        if (index < 0) return null;
        ReadOnlySpan<byte> end = tail.AsSpan(index, EndLength);
        uint start = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        bool isLarge = Short(end, 4) == ushort.MaxValue || Short(end, 10) == ushort.MaxValue || start == uint.MaxValue;
        return isLarge ? LargeStart(stream, tailStart + index - LocatorLength) ?? start : start;
    }

    private static long? LargeStart(Stream stream, long position)
    {
        Span<byte> locator = stackalloc byte[LocatorLength], end = stackalloc byte[LargeEndLength];
        if (!TryRead(stream, position, locator) || BinaryPrimitives.ReadUInt32LittleEndian(locator) != LocatorSignature) return null;
        if (!TryRead(stream, BinaryPrimitives.ReadInt64LittleEndian(locator[8..]), end)) return null;
        return BinaryPrimitives.ReadUInt32LittleEndian(end) == LargeEndSignature ? BinaryPrimitives.ReadInt64LittleEndian(end[48..]) : null;
    }

    private static int Short(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[index..]);

    private static bool TryRead(Stream stream, long position, Span<byte> bytes)
    {
        if (position < 0 || position > stream.Length - bytes.Length) return false;
        stream.Position = position;
        stream.ReadExactly(bytes);
        return true;
    }
}
