using System.IO.MemoryMappedFiles;
using FineTuning.Errors;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>A safetensors file, mapped into memory: pages are read when a tensor is.</summary>
/// <remarks>Reading is thread-safe. The tensors that come out are copies: they outlive the file.</remarks>
internal sealed class SafetensorsFile : ITensorSource
{
    private readonly string _path;
    private readonly SafetensorsHeader _header;
    private readonly MemoryMappedFile? _mapping;
    private readonly MemoryMappedViewAccessor? _view;

    private SafetensorsFile(string path, SafetensorsHeader header, MemoryMappedFile? mapping)
    {
        _path = path;
        _header = header;
        _mapping = mapping;
        _view = mapping?.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        Tensors = header.Entries.ToDictionary(pair => pair.Key, pair => new StoredTensor(pair.Key, pair.Value.DataType, pair.Value.Shape, path), StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <exception cref="CheckpointException">The file is missing, or is not a whole and valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"cannot be opened: {failure.Message}", failure);
        }
        try
        {
            SafetensorsHeader header = SafetensorsHeader.Read(path, stream);
            // An empty mapping is an error of the operating system; a file without a body needs none.
            MemoryMappedFile? mapping = header.Entries.Count == 0 ? null
                : MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            if (mapping is null) stream.Dispose();
            return new(path, header, mapping);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public Tensor Read(string name)
    {
        if (!_header.Entries.TryGetValue(name, out SafetensorsHeader.Entry? entry)) throw new CheckpointException(_path, $"it holds no tensor '{name}'");
        if (StoredTypes.TypeOf(entry.DataType) is not { } type) throw new CheckpointException(_path, $"tensor '{name}' is stored as {entry.DataType}, which cannot be computed with; convert it to F32, F16 or BF16");
        Tensor stored = empty(entry.Shape, type);
        CopyInto(stored, _header.BodyStart + entry.Start, entry.End - entry.Start);
        if (!StoredTypes.IsFloatingPoint(type) || type == ScalarType.Float32) return stored;
        using (stored) return stored.to(ScalarType.Float32);
    }

    public void Dispose()
    {
        _view?.Dispose();
        _mapping?.Dispose();
    }

    private unsafe void CopyInto(Tensor tensor, long offset, long length)
    {
        if (length == 0) return;
        SafeMemoryMappedViewHandle handle = _view!.SafeMemoryMappedViewHandle;
        byte* source = null;
        handle.AcquirePointer(ref source);
        try
        {
            byte* target = (byte*)tensor.DataPointer();
            Buffer.MemoryCopy(source + _view.PointerOffset + offset, target, length, length);
        }
        finally
        {
            handle.ReleasePointer();
        }
    }
}
