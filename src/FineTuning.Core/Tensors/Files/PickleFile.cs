using System.IO.Compression;
using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>A <c>pytorch_model.bin</c>: a zip of one pickle and one raw file a storage. The pickle is read by <see cref="PickleReader"/>, which executes nothing.</summary>
internal sealed class PickleFile : ITensorSource
{
    private const int LargestPickle = 64 << 20;
    private readonly string _path;
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, PickledTensor> _tensors;
    private readonly string _prefix;

    private PickleFile(string path, ZipArchive archive, string prefix, Dictionary<string, PickledTensor> tensors)
    {
        _path = path;
        _archive = archive;
        _prefix = prefix;
        _tensors = tensors;
        Tensors = tensors.ToDictionary(pair => pair.Key, pair => new StoredTensor(pair.Key, StoredTypes.NameOf(pair.Value.Type), pair.Value.Shape, path), StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <exception cref="CheckpointException">The file is not a zip of tensors, is damaged, or asks for something to be executed.</exception>
    public static ITensorSource Open(string path)
    {
        ZipArchive? archive = null;
        try
        {
            archive = ZipFile.OpenRead(path);
            ZipArchiveEntry pickle = archive.Entries.FirstOrDefault(entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
                ?? throw new InvalidDataException("it holds no data.pkl; only the zip format of torch 1.6 and later is read");
            if (pickle.Length > LargestPickle) throw new InvalidDataException($"its data.pkl is larger than {LargestPickle >> 20} MiB");
            string prefix = pickle.FullName[..^"data.pkl".Length];
            string? order = archive.GetEntry(prefix + "byteorder") is { Length: <= 16 } entry ? Text(entry) : null;
            if (order is not (null or "little")) throw new InvalidDataException($"its byte order is '{order}'; 'little' was expected");
            Dictionary<string, PickledTensor> tensors = PickleReader.ReadTensors(Bytes(pickle, (int)pickle.Length));
            return new PickleFile(path, archive, prefix, tensors);
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException or UnauthorizedAccessException or OverflowException or NotSupportedException)
        {
            archive?.Dispose();
            throw new CheckpointException(path, fault.Message, fault);
        }
    }

    public Tensor Read(string name)
    {
        if (!_tensors.TryGetValue(name, out PickledTensor? tensor)) throw new CheckpointException(_path, $"it holds no tensor '{name}'");
        lock (_archive)
        {
            using var scope = NewDisposeScope();
            Tensor storage = ReadStorage(tensor);
            Tensor view = storage.as_strided(tensor.Shape, tensor.Strides, tensor.Offset);
            Tensor result = StoredTypes.IsFloatingPoint(tensor.Type) ? view.to(ScalarType.Float32, copy: true).contiguous() : view.clone().contiguous();
            return result.MoveToOuterDisposeScope();
        }
    }

    public void Dispose() => _archive.Dispose();

    private Tensor ReadStorage(PickledTensor tensor)
    {
        string entryName = $"{_prefix}data/{tensor.Storage}";
        ZipArchiveEntry entry = _archive.GetEntry(entryName) ?? throw new CheckpointException(_path, $"storage '{tensor.Storage}' of tensor '{tensor.Name}' is missing");
        Tensor storage = empty([0], tensor.Type);
        long size = checked(tensor.StorageElements * storage.element_size());
        // torch.save stores without compression: a length that the archive cannot hold is a lie, found before anything is allocated.
        if (entry.Length < size || entry.CompressedLength != entry.Length) throw new CheckpointException(_path, $"storage '{tensor.Storage}' of tensor '{tensor.Name}' has {entry.Length} bytes ({entry.CompressedLength} stored); {size} were expected");
        storage = empty([tensor.StorageElements], tensor.Type);
        using Stream stream = entry.Open();
        unsafe
        {
            var target = (byte*)storage.DataPointer();
            for (long done = 0; done < size;)
            {
                int count = stream.Read(new Span<byte>(target + done, (int)Math.Min(size - done, 1 << 24)));
                if (count == 0) throw new CheckpointException(_path, $"storage '{tensor.Storage}' ends after {done} of {size} bytes");
                done += count;
            }
        }
        return storage;
    }

    private static byte[] Bytes(ZipArchiveEntry entry, int length)
    {
        var bytes = new byte[length];
        using Stream stream = entry.Open();
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string Text(ZipArchiveEntry entry) => System.Text.Encoding.UTF8.GetString(Bytes(entry, (int)entry.Length));
}
