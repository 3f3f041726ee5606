using System.IO.Compression;
using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// A <c>pytorch_model.bin</c>: a zip of one pickle and one raw file a storage. The pickle is read by <see cref="PickleReader"/>, which executes nothing.
/// </summary>
/// <remarks>Reading is thread-safe. The tensors that come out are copies: they outlive the file.</remarks>
internal sealed class PickleFile : ITensorSource
{
    private const int LargestPickle = 64 << 20;
    private const int MostEntries = 1 << 18;

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, PickledTensor> _tensors;
    private readonly string _prefix;
    private bool _disposed;

    private PickleFile(string path, FileStream stream, ZipArchive archive, string prefix, Dictionary<string, PickledTensor> tensors)
    {
        (_path, _stream, _archive, _prefix, _tensors) = (path, stream, archive, prefix, tensors);
        Tensors = tensors.ToDictionary(pair => pair.Key, pair =>
            new StoredTensor(pair.Key, StoredTypes.NameOf(pair.Value.Type), pair.Value.Shape, path), StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <exception cref="CheckpointException">The file is not a zip of tensors, is damaged, or asks for something to be executed.</exception>
    public static ITensorSource Open(string path)
    {
        FileStream stream = InputFile.Open(path);
        try
        {
            return Wrapped(path, () => Open(path, stream));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public Tensor Read(string name)
    {
        lock (_archive)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_tensors.TryGetValue(name, out PickledTensor? tensor)) throw new CheckpointException(_path, $"it holds no tensor '{name}'");
            return Wrapped(_path, () => Read(tensor));
        }
    }

    public void Dispose()
    {
        lock (_archive)
        {
            _disposed = true;
            _archive.Dispose();
            _stream.Dispose();
        }
    }

    private static PickleFile Open(string path, FileStream stream)
    {
        Span<byte> start = stackalloc byte[KnownContents.Length];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (KnownContents.OfPickle(start) is { } known) throw new CheckpointException(path, known);
        ZipDirectory.RequireAtMost(stream, MostEntries);
        stream.Position = 0;
        var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        ZipArchiveEntry pickle = archive.Entries.FirstOrDefault(entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new InvalidDataException("it is a zip archive without a data.pkl; one written by torch.save was expected");
        if (pickle.Length > LargestPickle) throw new InvalidDataException($"its data.pkl is larger than {LargestPickle >> 20} MiB");
        string prefix = pickle.FullName[..^"data.pkl".Length];
        string? order = archive.GetEntry(prefix + "byteorder") is { Length: <= 16 } entry ? System.Text.Encoding.UTF8.GetString(Bytes(entry)) : null;
        if (order is not (null or "little")) throw new InvalidDataException($"its byte order is '{order}'; 'little' was expected");
        return new PickleFile(path, stream, archive, prefix, PickleReader.ReadTensors(Bytes(pickle)));
    }

    // A zip archive's reader fails in several ways, on opening and later.
    private static T Wrapped<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception fault) when (
            fault is InvalidDataException or IOException or UnauthorizedAccessException or OverflowException or NotSupportedException or ArgumentException)
        {
            throw new CheckpointException(path, fault.Message, fault);
        }
    }

    private Tensor Read(PickledTensor tensor)
    {
        using var scope = NewDisposeScope();
        Tensor view = ReadExtent(tensor).as_strided(tensor.Shape, tensor.Strides, 0);
        Tensor result = StoredTypes.IsFloatingPoint(tensor.Type) ? FloatValues.ToFloat32(view, _path, tensor.Name).contiguous() : view.clone().contiguous();
        return result.MoveToOuterDisposeScope();
    }

    // Only the part of the storage that the tensor reaches: many tensors may share one.
    private unsafe Tensor ReadExtent(PickledTensor tensor)
    {
        string entryName = $"{_prefix}data/{tensor.Storage}";
        ZipArchiveEntry entry = _archive.GetEntry(entryName)
            ?? throw new InvalidDataException($"storage '{tensor.Storage}' of tensor '{tensor.Name}' is missing");
        long width = empty([0], tensor.Type).element_size();
        long size = checked(tensor.StorageElements * width);
        // torch.save stores without compression: a length that the archive cannot hold is a lie, found before anything is allocated.
        if (entry.Length < size || entry.CompressedLength != entry.Length || entry.Length > _stream.Length)
        {
            throw new InvalidDataException(
                $"storage '{tensor.Storage}' of tensor '{tensor.Name}' has {entry.Length} bytes ({entry.CompressedLength} stored); {size} were expected");
        }
        Tensor extent = empty([tensor.Extent], tensor.Type);
        using Stream stream = entry.Open();
        Skip(stream, tensor.Offset * width);
        var target = (byte*)extent.DataPointer();
        long length = tensor.Extent * width;
        for (long done = 0; done < length;)
        {
            int count = stream.Read(new Span<byte>(target + done, (int)Math.Min(length - done, 1 << 24)));
            if (count == 0) throw new InvalidDataException($"storage '{tensor.Storage}' of tensor '{tensor.Name}' ends {length - done} bytes too early");
            done += count;
        }
        return extent;
    }

    private static void Skip(Stream stream, long count)
    {
        var buffer = new byte[(int)Math.Min(count, 1 << 16)];
        while (count > 0)
        {
            int read = stream.Read(buffer, 0, (int)Math.Min(count, buffer.Length));
            if (read == 0) throw new InvalidDataException("a storage ends before its tensor begins");
            count -= read;
        }
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        var bytes = new byte[entry.Length];
        using Stream stream = entry.Open();
        stream.ReadExactly(bytes);
        return bytes;
    }
}
