using System.Buffers;
using System.Collections;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace FineTuning.Training;

/// <summary>All that an object holds as bytes, to be hashed: numbers, texts, and lists and objects of them, field by field.</summary>
internal static class ObjectBytes
{
    private const int Deepest = 32;
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();

    /// <summary>Appends a value. What is neither number, text nor made of them is left out.</summary>
    public static void Append(ArrayBufferWriter<byte> buffer, object? value) => Add(buffer, value, [], _ => { });

    /// <summary>Appends a value of which nothing may be left out.</summary>
    /// <exception cref="NotSupportedException">It holds code, a tensor, or something that is nested too deeply.</exception>
    public static void AppendWhole(ArrayBufferWriter<byte> buffer, object? value) => Add(buffer, value, [], left => throw new NotSupportedException(
        left is Delegate or Pointer or Type or TorchSharp.torch.Tensor ? $"it holds a {left.GetType().Name}, by which it cannot be known again"
            : $"it is nested more than {Deepest} times"));

    private static void Add(ArrayBufferWriter<byte> buffer, object? value, List<object> path, Action<object> leaveOut)
    {
        switch (value)
        {
            case null:
                Write(buffer, byte.MaxValue);
                break;
            case string text:
                Write(buffer, text.Length);
                buffer.Write(MemoryMarshal.AsBytes(text.AsSpan()));
                break;
            case JsonNode node:
                Add(buffer, node.ToJsonString(), path, leaveOut);
                break;
            case JsonElement element:
                Add(buffer, element.ValueKind == JsonValueKind.Undefined ? null : element.GetRawText(), path, leaveOut);
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
                    Add(buffer, item, path, leaveOut);
                    length++;
                }
                Write(buffer, length);
                break;
            default:
                AddObject(buffer, value, path, leaveOut);
                break;
        }
    }

    private static void AddNumbers(ArrayBufferWriter<byte> buffer, Array array)
    {
        int bytes = Buffer.ByteLength(array);
        if (bytes == 0) return;
        buffer.Write(MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetArrayDataReference(array), bytes));
    }

    private static void AddObject(ArrayBufferWriter<byte> buffer, object value, List<object> path, Action<object> leaveOut)
    {
        Type type = value.GetType();
        if (type.IsEnum) Write(buffer, Convert.ToInt64(value, CultureInfo.InvariantCulture));
        else if (type.IsPrimitive || value is decimal) AddNumber(buffer, value);
        else if (value is Delegate or Pointer or Type or TorchSharp.torch.Tensor || path.Count >= Deepest) leaveOut(value);
        else if (!path.Exists(above => ReferenceEquals(above, value)))
        {
            buffer.Write(MemoryMarshal.AsBytes(type.Name.AsSpan()));
            if (!type.IsValueType) path.Add(value);
            foreach (FieldInfo field in Fields.GetOrAdd(type, FieldsOf)) Add(buffer, field.GetValue(value), path, leaveOut);
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
            default: buffer.Write(Encoding.UTF8.GetBytes(Convert.ToString(value, CultureInfo.InvariantCulture)!)); break;
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
