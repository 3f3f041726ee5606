using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>Pickles: small files that stand for endless work or memory, and what is found where one was expected.</summary>
public sealed class PickleTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("pickle").FullName, "pytorch_model.bin");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Fact]
    public void Tensors_are_read()
    {
        File.WriteAllBytes(_path, TorchFile.Write([("a", [1, 2, 3, 4, 5, 6], [2, 3]), ("scalar", [7], []), ("none", [], [0, 3])]));
        using ITensorSource file = PickleFile.Open(_path);
        using var scope = torch.NewDisposeScope();
        Assert.Equal([1, 2, 3, 4, 5, 6], file.Read("a").data<float>().ToArray());
        Assert.Equal([2, 3], file.Read("a").shape);
        Assert.Equal(7, file.Read("scalar").item<float>());
        Assert.Equal([0, 3], file.Read("none").shape);
    }

    [Fact]
    public void A_view_of_a_storage_reads_its_own_part()
    {
        byte[] pickle = State(TorchFile.Tensor("FloatStorage", "0", 6, 1, [2, 2], [1, 2]));
        File.WriteAllBytes(_path, TorchFile.Zip(pickle, [[.. new float[] { 0, 1, 2, 3, 4, 5 }.SelectMany(BitConverter.GetBytes)]]));
        using ITensorSource file = PickleFile.Open(_path);
        using var scope = torch.NewDisposeScope();
        Assert.Equal([1, 3, 2, 4], file.Read("w").data<float>().ToArray());
    }

    [Fact]
    public void Doubling_through_the_memo_ends()
    {
        // d0 = {}; d1 = {"model": d0, "state_dict": d0}; ... : 2^60 ways to the first.
        var pickle = new List<byte>([0x80, 2, (byte)'}', (byte)'q', 0]);
        for (byte i = 0; i < 60; i++) pickle.AddRange([(byte)'}', (byte)'(', .. TorchFile.Text("model"), (byte)'h', i, .. TorchFile.Text("state_dict"), (byte)'h', i, (byte)'u', (byte)'q', (byte)(i + 1)]);
        pickle.Add((byte)'.');
        Assert.Empty(Quickly(() => PickleReader.ReadTensors(pickle.ToArray())));
    }

    [Fact]
    public void A_dictionary_that_holds_itself_ends() =>
        Assert.Empty(PickleReader.ReadTensors([0x80, 2, (byte)'}', (byte)'q', 0, .. TorchFile.Text("model"), (byte)'h', 0, (byte)'s', (byte)'.']));

    [Theory]
    [InlineData("]", "N", "a")]
    [InlineData("", "N", "")]
    [InlineData("", "K\u0001", "")]
    [InlineData("", "(", "")]
    [InlineData("", "}", "")]
    public void Repetition_has_a_budget(string first, string repeated, string then)
    {
        byte[] part = [.. (repeated + then).Select(character => (byte)character)];
        byte[] pickle = [0x80, 2, .. first.Select(character => (byte)character), .. Enumerable.Repeat(part, 6_000_000).SelectMany(bytes => bytes), (byte)'.'];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("objects", Quickly(() => Assert.Throws<InvalidDataException>(() => PickleReader.ReadTensors(pickle))).Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1L << 30);
        // Packed, this is a file of a few kilobytes.
        File.WriteAllBytes(_path, TorchFile.Zip(pickle, [], CompressionLevel.Optimal));
        Assert.True(new FileInfo(_path).Length < 100_000);
        Assert.Contains("objects", Assert.Throws<CheckpointException>(() => PickleFile.Open(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_under_which_values_are_stored_take_no_memory_of_their_own()
    {
        byte[] pickle = [0x80, 2, (byte)'}', (byte)'r', 0xFF, 0xFF, 0xFF, 0x7F, (byte)'.'];
        Assert.Throws<InvalidDataException>(() => PickleReader.ReadTensors(pickle));
    }

    [Theory]
    [InlineData(new long[] { 2_000_000_000 }, new long[] { 0 }, "repeats")]
    [InlineData(new long[] { 5 }, new long[] { 1 }, "reaches")]
    [InlineData(new long[] { 1L << 40, 1L << 40 }, new long[] { 0, 0 }, "memory")]
    public void A_view_has_a_stored_byte_for_each_of_its_own(long[] shape, long[] strides, string named)
    {
        File.WriteAllBytes(_path, TorchFile.Zip(State(TorchFile.Tensor("FloatStorage", "0", 4, 0, shape, strides)), [new byte[16]]));
        Assert.Contains(named, Assert.Throws<CheckpointException>(() => PickleFile.Open(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_dimensions_than_torch_has_are_refused()
    {
        long[] ones = [.. Enumerable.Repeat(1L, 65)];
        File.WriteAllBytes(_path, TorchFile.Zip(State(TorchFile.Tensor("FloatStorage", "0", 1, 0, ones, ones)), [new byte[4]]));
        Assert.Contains("65 dimensions", Assert.Throws<CheckpointException>(() => PickleFile.Open(_path)).Message, StringComparison.Ordinal);
    }

    /// <summary>The directory of the archive may claim any length: nothing is allocated for one that the file cannot hold.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_directory_of_too_many_files_is_refused_before_it_is_read(bool large)
    {
        const int count = (1 << 18) + 1, entryLength = 46;
        var file = new byte[(count * entryLength) + (large ? 56 + 20 : 0) + 22];
        for (int i = 0; i < count; i++) "PK\u0001\u0002"u8.CopyTo(file.AsSpan(i * entryLength));
        int end = count * entryLength;
        if (large)
        {
            "PK\u0006\u0006"u8.CopyTo(file.AsSpan(end));
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(end + 4), 44);
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(end + 24), count);
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(end + 32), count);
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(end + 40), count * entryLength);
            "PK\u0006\u0007"u8.CopyTo(file.AsSpan(end + 56));
            BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(end + 64), end);
            file[end + 72] = 1;
            end += 76;
        }
        "PK\u0005\u0006"u8.CopyTo(file.AsSpan(end));
        // The stated number may be a lie; what counts is what is there.
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(end + 8), large ? ushort.MaxValue : (ushort)3);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(end + 10), large ? ushort.MaxValue : (ushort)3);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(end + 16), large ? -1 : 0);
        File.WriteAllBytes(_path, file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("more than 262144 files", Assert.Throws<CheckpointException>(() => PickleFile.Open(_path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void A_storage_that_the_archive_cannot_hold_is_refused_when_it_is_read()
    {
        const long claimed = 1L << 30;
        byte[] file = TorchFile.Zip(State(TorchFile.Tensor("FloatStorage", "0", claimed / 4, 0, [claimed / 4], [1])), [new byte[16]]);
        // The entry's two lengths in the directory, behind its signature.
        int entry = file.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.GetBytes((uint)claimed).CopyTo(file, entry + 20);
        BitConverter.GetBytes((uint)claimed).CopyTo(file, entry + 24);
        File.WriteAllBytes(_path, file);
        Assert.Throws<CheckpointException>(() =>
        {
            using ITensorSource source = PickleFile.Open(_path);
            source.Read("w").Dispose();
        });
    }

    [Fact]
    public void Reading_wraps_as_opening_does()
    {
        byte[] file = TorchFile.Write([("a", [1, 2, 3, 4], [4])]);
        // The local header of the storage.
        int local = file.AsSpan().LastIndexOf("PK\u0003\u0004"u8);
        file[local + 2] = 9;
        File.WriteAllBytes(_path, file);
        using ITensorSource source = PickleFile.Open(_path);
        Assert.Contains("pytorch_model.bin", Assert.Throws<CheckpointException>(() => source.Read("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_disposing_it_says_so()
    {
        File.WriteAllBytes(_path, TorchFile.Write([("a", [1, 2, 3, 4], [4])]));
        ITensorSource source = PickleFile.Open(_path);
        source.Dispose();
        Assert.Throws<ObjectDisposedException>(() => source.Read("a"));
    }

    [Theory]
    [InlineData(new byte[] { 0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.' }, "before version 1.6")]
    [InlineData(new byte[] { 0x80, 4, 0x95, 1, 2 }, "bare pickle")]
    [InlineData(new byte[0], "empty")]
    [InlineData(new byte[] { 0x1F, 0x8B, 8 }, "gzip")]
    [InlineData(new byte[] { 16, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "safetensors")]
    public void Another_format_is_named(byte[] contents, string named)
    {
        File.WriteAllBytes(_path, contents);
        Assert.Contains(named, Assert.Throws<CheckpointException>(() => PickleFile.Open(_path)).Message, StringComparison.Ordinal);
    }

    private static byte[] State(byte[] tensor) => [0x80, 2, (byte)'}', (byte)'(', .. TorchFile.Text("w"), .. tensor, (byte)'u', (byte)'.'];

    private static T Quickly<T>(Func<T> work)
    {
        long start = Stopwatch.GetTimestamp();
        T result = work();
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
        return result;
    }
}
