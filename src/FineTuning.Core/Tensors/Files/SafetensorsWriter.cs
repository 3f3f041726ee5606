using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Writes safetensors files: to another name, synced, then renamed, so that a file of the wanted name is always whole.</summary>
internal static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Writes tensors in the order given; each is read when its turn comes.</summary>
    /// <exception cref="IOException">The disk is full or the file cannot be written; nothing is left behind.</exception>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        string fresh = $"{path}.{Guid.NewGuid():N}.new";
        try
        {
            using (var stream = new FileStream(fresh, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                Write(stream, tensors, metadata);
                stream.Flush(flushToDisk: true);
            }
            File.Move(fresh, path, overwrite: true);
        }
        finally
        {
            File.Delete(fresh);
        }
    }

    /// <summary>Writes tensors in the order given; each is read when its turn comes.</summary>
    public static void Write(Stream stream, IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        stream.Write(Header(tensors, metadata));
        foreach ((string _, Tensor value) in tensors) WriteBody(stream, value);
    }

    private static byte[] Header(IReadOnlyList<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach ((string name, Tensor value) in tensors)
            {
                long size = value.numel() * value.element_size();
                json.WriteStartObject(name);
                json.WriteString("dtype", StoredTypes.NameOf(value.dtype));
                json.WriteStartArray("shape");
                foreach (long dimension in value.shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += size);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        int length = (buffer.WrittenCount + Alignment - 1) / Alignment * Alignment;
        var header = new byte[8 + length];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)length);
        buffer.WrittenSpan.CopyTo(header.AsSpan(8));
        header.AsSpan(8 + buffer.WrittenCount).Fill((byte)' ');
        return header;
    }

    private static unsafe void WriteBody(Stream stream, Tensor value)
    {
        using var scope = NewDisposeScope();
        Tensor flat = value.detach().cpu().contiguous();
        long size = flat.numel() * flat.element_size();
        var source = (byte*)flat.DataPointer();
        for (long done = 0; done < size;)
        {
            int count = (int)Math.Min(size - done, 1 << 24);
            stream.Write(new ReadOnlySpan<byte>(source + done, count));
            done += count;
        }
    }
}
