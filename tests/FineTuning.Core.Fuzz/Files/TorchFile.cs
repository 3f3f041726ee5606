using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace FineTuning.Fuzz;

/// <summary>Writes what torch.save writes: a zip of a pickle and of raw storages, as far as tests and mutants need it.</summary>
internal static class TorchFile
{
    /// <summary>The file of a state dictionary of float32 tensors.</summary>
    public static byte[] Write(IEnumerable<(string Name, float[] Values, long[] Shape)> tensors)
    {
        var storages = new List<byte[]>();
        var body = new List<byte>([0x80, 2, (byte)'}', (byte)'q', 0, (byte)'(']);
        foreach ((string name, float[] values, long[] shape) in tensors)
        {
            body.AddRange(Text(name));
            long stride = 1;
            long[] strides = new long[shape.Length];
            for (int i = shape.Length - 1; i >= 0; i--) (strides[i], stride) = (stride, stride * shape[i]);
            body.AddRange(Tensor("FloatStorage", storages.Count.ToString(System.Globalization.CultureInfo.InvariantCulture), values.Length, 0, shape, strides));
            storages.Add([.. values.SelectMany(BitConverter.GetBytes)]);
        }
        body.AddRange("u."u8);
        return Zip([.. body], storages);
    }

    /// <summary>The operations that put one tensor on the stack.</summary>
    public static byte[] Tensor(string storageType, string key, long elements, long offset, long[] shape, long[] strides) =>
    [
        .. "ctorch._utils\n_rebuild_tensor_v2\n(("u8, .. Text("storage"), .. Encoding.ASCII.GetBytes($"ctorch\n{storageType}\n"), .. Text(key), .. Text("cpu"), .. Long(elements), .. "tQ"u8,
        .. Long(offset), (byte)'(', .. shape.SelectMany(Long), .. "t("u8, .. strides.SelectMany(Long), (byte)'t', 0x89, .. "ccollections\nOrderedDict\n)RtR"u8,
    ];

    /// <summary>A text of the pickle.</summary>
    public static byte[] Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text), length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return [(byte)'X', .. length, .. utf8];
    }

    /// <summary>A number of the pickle.</summary>
    public static byte[] Long(long number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return [0x8A, 8, .. bytes];
    }

    /// <summary>The archive.</summary>
    public static byte[] Zip(byte[] pickle, IReadOnlyList<byte[]> storages, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, "archive/data.pkl", pickle, level);
            for (int i = 0; i < storages.Count; i++) Add(archive, $"archive/data/{i}", storages[i], CompressionLevel.NoCompression);
        }
        return file.ToArray();
    }

    /// <summary>The pickle and the storages of an archive; null: it is none.</summary>
    public static (byte[] Pickle, List<byte[]> Storages)? Unzip(byte[] file)
    {
        try
        {
            using var archive = new ZipArchive(new MemoryStream(file), ZipArchiveMode.Read);
            byte[]? pickle = archive.GetEntry("archive/data.pkl") is { } entry ? Bytes(entry) : null;
            return pickle is null ? null : (pickle, [.. archive.Entries.Where(other => other.FullName.Contains("/data/", StringComparison.Ordinal)).Select(Bytes)]);
        }
        catch (Exception fault) when (fault is InvalidDataException or IOException or NotSupportedException or ArgumentException)
        {
            return null;
        }
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static void Add(ZipArchive archive, string name, byte[] contents, CompressionLevel level)
    {
        using Stream stream = archive.CreateEntry(name, level).Open();
        stream.Write(contents);
    }
}
