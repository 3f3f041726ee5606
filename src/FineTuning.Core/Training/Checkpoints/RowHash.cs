using System.Buffers;
using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FineTuning.Batching;

namespace FineTuning.Training;

/// <summary>
/// A hash of all that rows hold, in their order, whatever their type: numbers, texts, and lists and objects of them, field by field. Two row sets of one
/// hash are trained on alike.
/// </summary>
internal static class RowHash
{
    private const int Digits = 16, Deepest = 32, RowsInABlock = 256;
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();

    public static string Of(RowSet rows)
    {
        int count = rows.Rows.Count;
        var hashes = new byte[(count + RowsInABlock - 1) / RowsInABlock][];
        Parallel.For(0, hashes.Length, block =>
        {
            var buffer = new ArrayBufferWriter<byte>();
            for (int row = block * RowsInABlock; row < Math.Min(count, (block + 1) * RowsInABlock); row++) Add(buffer, rows.Rows[row], []);
            hashes[block] = SHA256.HashData(buffer.WrittenSpan);
        });
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] hash in hashes) whole.AppendData(hash);
        return $"{count:N0} rows, hash {Convert.ToHexStringLower(whole.GetCurrentHash())[..Digits]}";
    }

    private static void Add(ArrayBufferWriter<byte> buffer, object? value, List<object> path)
    {
        switch (value)
        {
            case null:
                Write(buffer, (byte)0);
                break;
            case string text:
                Write(buffer, text.Length);
                buffer.Write(MemoryMarshal.AsBytes(text.AsSpan()));
                break;
            case Array { Rank: 1 } array when array.GetType().GetElementType() is { IsPrimitive: true }:
                Write(buffer, array.Length);
                AddNumbers(buffer, array);
                break;
            case IEnumerable items and (ICollection or IReadOnlyCollection<object>):
                // The length closes it: two lists in a row are not one.
                int length = 0;
                foreach (object? item in items)
                {
                    Add(buffer, item, path);
                    length++;
                }
                Write(buffer, length);
                break;
            default:
                AddObject(buffer, value, path);
                break;
        }
    }

    private static void AddNumbers(ArrayBufferWriter<byte> buffer, Array array)
    {
        int bytes = Buffer.ByteLength(array);
        if (bytes == 0) return;
        buffer.Write(MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetArrayDataReference(array), bytes));
    }

    private static void AddObject(ArrayBufferWriter<byte> buffer, object value, List<object> path)
    {
        Type type = value.GetType();
        if (type.IsEnum) Write(buffer, Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
        else if (type.IsPrimitive || value is decimal) AddNumber(buffer, value);
        else if (value is not (Delegate or Pointer or Type or TorchSharp.torch.Tensor) && path.Count < Deepest
            && !path.Exists(above => ReferenceEquals(above, value)))
        {
            buffer.Write(MemoryMarshal.AsBytes(type.Name.AsSpan()));
            if (!type.IsValueType) path.Add(value);
            foreach (FieldInfo field in Fields.GetOrAdd(type, FieldsOf)) Add(buffer, field.GetValue(value), path);
            if (!type.IsValueType) path.RemoveAt(path.Count - 1);
        }
    }

    private static void AddNumber(ArrayBufferWriter<byte> buffer, object value)
    {
        switch (value)
        {
            case int number: Write(buffer, number); break;
            case long number: Write(buffer, number); break;
            case double number: Write(buffer, number); break;
            case float number: Write(buffer, number); break;
            case bool flag: Write(buffer, flag ? (byte)1 : (byte)0); break;
            default: buffer.Write(Encoding.UTF8.GetBytes(Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!)); break;
        }
    }

    // Those of the base first, each type's in the order of their names: what the runtime gives may be in any order.
    private static FieldInfo[] FieldsOf(Type type)
    {
        var fields = new List<FieldInfo>();
        for (Type? level = type; level is not null && level != typeof(object); level = level.BaseType)
        {
            fields.InsertRange(0, level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                .OrderBy(field => field.Name, StringComparer.Ordinal));
        }
        return [.. fields];
    }

    private static void Write<T>(ArrayBufferWriter<byte> buffer, T number)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        MemoryMarshal.Write(buffer.GetSpan(size), in number);
        buffer.Advance(size);
    }
}
