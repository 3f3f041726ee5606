using FineTuning.Errors;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>A safetensors file: its header is in memory, a tensor's bytes are read when it is.</summary>
/// <remarks>
/// Reading is thread-safe. The tensors that come out are copies: they outlive the file. The file is not mapped: a mapped file that another process
/// shortens ends this one.
/// </remarks>
internal sealed class SafetensorsFile : ITensorSource
{
    private readonly string _path;
    private readonly SafetensorsHeader _header;
    private readonly FileStream _stream;
    private readonly SafeFileHandle _file;

    private SafetensorsFile(string path, SafetensorsHeader header, FileStream stream)
    {
        (_path, _header, _stream, _file) = (path, header, stream, stream.SafeFileHandle);
        Tensors = header.Entries.ToDictionary(pair => pair.Key,
            pair => new StoredTensor(pair.Key, pair.Value.DataType, pair.Value.Shape, path), StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <exception cref="CheckpointException">The file is missing, or is not a whole and valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        FileStream stream = InputFile.Open(path);
        try
        {
            return new(path, SafetensorsHeader.Read(path, stream), stream);
        }
        catch (IOException failure)
        {
            stream.Dispose();
            throw new CheckpointException(path, $"it cannot be read: {failure.Message}", failure);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public Tensor Read(string name)
    {
        Tensor stored = ReadStored(name);
        try
        {
            if (!StoredTypes.IsFloatingPoint(stored.dtype) || stored.dtype == ScalarType.Float32) return stored;
            Tensor single = FloatValues.ToFloat32(stored, _path, name);
            stored.Dispose();
            return single;
        }
        catch
        {
            stored.Dispose();
            throw;
        }
    }

    /// <summary>A fresh tensor with the contents, in the type that they are stored in.</summary>
    /// <exception cref="CheckpointException">No tensor of that name, or of a type that cannot be computed with.</exception>
    public Tensor ReadStored(string name)
    {
        ObjectDisposedException.ThrowIf(_file.IsClosed, this);
        if (!_header.Entries.TryGetValue(name, out SafetensorsHeader.Entry? entry)) throw new CheckpointException(_path, $"it holds no tensor '{name}'");
        if (StoredTypes.TypeOf(entry.DataType) is not { } type)
        {
            throw new CheckpointException(_path, $"tensor '{name}' is stored as {entry.DataType}, which cannot be computed with; "
                + "convert it to F32, F16 or BF16");
        }
        Tensor stored = empty(entry.Shape, type);
        try
        {
            CopyInto(stored, name, _header.BodyStart + entry.Start, entry.End - entry.Start);
            return stored;
        }
        catch
        {
            stored.Dispose();
            throw;
        }
    }

    public void Dispose() => _stream.Dispose();

    private unsafe void CopyInto(Tensor tensor, string name, long offset, long length)
    {
        if (length == 0) return;
        var target = (byte*)tensor.DataPointer();
        try
        {
            for (long done = 0; done < length;)
            {
                int count = RandomAccess.Read(_file, new Span<byte>(target + done, (int)Math.Min(length - done, 1 << 24)), offset + done);
                if (count == 0)
                {
                    throw new CheckpointException(_path, $"it ends in tensor '{name}', {length - done} bytes too early: it was shortened after it was opened");
                }
                done += count;
            }
        }
        catch (IOException failure)
        {
            throw new CheckpointException(_path, $"tensor '{name}' cannot be read: {failure.Message}", failure);
        }
    }
}
