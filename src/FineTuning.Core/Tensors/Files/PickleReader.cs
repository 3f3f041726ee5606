using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>A tensor as a pickle describes it: a strided view of a storage.</summary>
/// <param name="Name">Its name in the state dictionary.</param>
/// <param name="Storage">The name of its storage.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="StorageElements">How many elements the storage has.</param>
/// <param name="Offset">Its first element in the storage.</param>
/// <param name="Extent">How many elements of the storage it spans.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Strides">How far one step along each dimension goes.</param>
internal sealed record PickledTensor(string Name, string Storage, ScalarType Type, long StorageElements, long Offset,
    long Extent, long[] Shape, long[] Strides);

/// <summary>
/// Reads the pickle of a state dictionary as data. Names of Python functions are looked up in a list of six and become marks, never calls: whatever else
/// a pickle asks for is refused. Opcodes: Python's pickletools, protocols 2 to 4.
/// </summary>
/// <remarks>
/// Each object and each element of a list, tuple or dictionary counts against one budget: memory and time are bounded whatever the pickle repeats.
/// </remarks>
internal ref struct PickleReader
{
    private const int MostObjects = 1 << 22;
    private const int DeepestNesting = 64;
    private const int LongestName = 1000;
    private const long LargestStorage = 1L << 40;

    private static readonly Dictionary<string, ScalarType> Storages = new(StringComparer.Ordinal)
    {
        ["torch FloatStorage"] = ScalarType.Float32,
        ["torch DoubleStorage"] = ScalarType.Float64,
        ["torch HalfStorage"] = ScalarType.Float16,
        ["torch BFloat16Storage"] = ScalarType.BFloat16,
        ["torch LongStorage"] = ScalarType.Int64,
        ["torch IntStorage"] = ScalarType.Int32,
        ["torch ShortStorage"] = ScalarType.Int16,
        ["torch CharStorage"] = ScalarType.Int8,
        ["torch ByteStorage"] = ScalarType.Byte,
        ["torch BoolStorage"] = ScalarType.Bool,
    };

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly List<object?> _stack = [];
    private readonly List<object?> _memo = [];
    private int _at;
    private int _objects;

    private PickleReader(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    private sealed record Global(string Name);

    private sealed record Storage(string Key, ScalarType Type, long Elements);

    private sealed class Mark;

    /// <exception cref="InvalidDataException">The pickle is damaged, or asks for something to be executed.</exception>
    public static Dictionary<string, PickledTensor> ReadTensors(ReadOnlySpan<byte> pickle)
    {
        object? root = new PickleReader(pickle).Run();
        var tensors = new Dictionary<string, PickledTensor>(StringComparer.Ordinal);
        Collect(tensors, root, new(ReferenceEqualityComparer.Instance), 0);
        return tensors;
    }

    // A dictionary that is reached in two ways is read once: doubling it again and again costs nothing, and one that holds itself ends.
    private static void Collect(Dictionary<string, PickledTensor> tensors, object? value, HashSet<object> visited, int depth)
    {
        if (depth > DeepestNesting) throw new InvalidDataException("its dictionaries are nested too deeply");
        if (value is not Dictionary<string, object?> entries) throw new InvalidDataException("its pickle is not a dictionary of tensors");
        if (!visited.Add(entries)) return;
        foreach ((string name, object? item) in entries)
        {
            if (item is PickledTensor tensor) tensors[name] = tensor with { Name = name };
            else if (item is Dictionary<string, object?> && name is "state_dict" or "model") Collect(tensors, item, visited, depth + 1);
        }
    }

    private object? Run()
    {
        while (true)
        {
            Charge(1);
            byte code = Byte();
            switch ((char)code)
            {
                case '\x80': if (Byte() is < 2 or > 5) throw new InvalidDataException("its pickle has an unknown protocol"); break;
                case '\x95': _ = Take(8); break;
                case '(': _stack.Add(new Mark()); break;
                case '.': return Pop();
                case '0': Pop(); break;
                case 'N': _stack.Add(null); break;
                case '\x88': _stack.Add(true); break;
                case '\x89': _stack.Add(false); break;
                case 'K': _stack.Add((long)Byte()); break;
                case 'M': _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case 'J': _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case '\x8a': _stack.Add(Integer(Take(Byte()))); break;
                case 'G': _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case 'X': _stack.Add(Utf8(Length32())); break;
                case '\x8c': _stack.Add(Utf8(Byte())); break;
                case 'U': _stack.Add(Utf8(Byte())); break;
                case 'T': _stack.Add(Utf8(Length32())); break;
                case 'C': _stack.Add(Take(Byte()).ToArray()); break;
                case 'B': _stack.Add(Take(Length32()).ToArray()); break;
                case ')': _stack.Add(Array.Empty<object?>()); break;
                case '\x85': Tuple(1); break;
                case '\x86': Tuple(2); break;
                case '\x87': Tuple(3); break;
                case 't': { object?[] items = PopMark(); _stack.Add(items); break; }
                case ']': _stack.Add(new List<object?>()); break;
                case 'a': { object? item = Pop(); Top<List<object?>>("a list").Add(item); break; }
                case 'e': { object?[] items = PopMark(); Top<List<object?>>("a list").AddRange(items); break; }
                case '}': _stack.Add(new Dictionary<string, object?>(StringComparer.Ordinal)); break;
                case 's': { object? value = Pop(); object? key = Pop(); Set(Top<Dictionary<string, object?>>("a dictionary"), key, value); break; }
                case 'u': SetItems(); break;
                case 'q': Memorize(Byte()); break;
                case 'r': Memorize(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
                case '\x94': Memorize((uint)_memo.Count); break;
                case 'h': _stack.Add(Recall(Byte())); break;
                case 'j': _stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 'c': _stack.Add(Find(Line(), Line())); break;
                case '\x93': { object? name = Pop(); _stack.Add(Find(Pop() as string ?? "", name as string ?? "")); break; }
                case 'Q': _stack.Add(Persistent(Pop())); break;
                case 'R': { object? arguments = Pop(); _stack.Add(Call(Pop(), arguments)); break; }
                case 'b': Pop(); break; // attributes of an ordered dictionary (torch's _metadata): nothing the weights need
                default: throw new InvalidDataException($"its pickle holds the operation 0x{code:x2}, which no state dictionary needs; it is refused");
            }
        }
    }

    private static Global Find(string module, string name)
    {
        string full = $"{module} {name}";
        if (full is "collections OrderedDict" or "torch._utils _rebuild_tensor_v2" or "torch._utils _rebuild_parameter" || Storages.ContainsKey(full))
            return new(full);
        throw new InvalidDataException($"its pickle asks for {module}.{name}, which is not needed to read tensors: loading it could execute code, "
            + "so it is refused. Convert the checkpoint to safetensors on a machine that trusts it");
    }

    private static object? Call(object? function, object? arguments)
    {
        object?[] items = arguments as object?[] ?? throw new InvalidDataException("a call in its pickle has no arguments");
        return function switch
        {
            Global { Name: "collections OrderedDict" } when items.Length == 0 => new Dictionary<string, object?>(StringComparer.Ordinal),
            Global { Name: "torch._utils _rebuild_parameter" } when items.Length >= 1 && items[0] is PickledTensor tensor => tensor,
            Global { Name: "torch._utils _rebuild_tensor_v2" } when items.Length >= 4 && items[0] is Storage storage => Rebuild(storage, items),
            _ => throw new InvalidDataException("its pickle calls something that is no tensor; it is refused"),
        };
    }

    private static PickledTensor Rebuild(Storage storage, object?[] items)
    {
        if (items[1] is not long offset || offset < 0) throw new InvalidDataException("a tensor in its pickle has no offset");
        long[] shape = Numbers(items[2]), strides = Numbers(items[3]);
        if (shape.Length != strides.Length)
        {
            throw new InvalidDataException($"a tensor in its pickle has {shape.Length} dimensions, but {strides.Length} strides");
        }
        long elements = TensorShape.Elements(shape), extent = Math.Min(elements, 1);
        for (int i = 0; i < shape.Length && elements > 0; i++) extent = checked(extent + ((shape[i] - 1) * strides[i]));
        if (checked(offset + extent) > storage.Elements)
        {
            throw new InvalidDataException($"a tensor in its pickle reaches to element {offset + extent} of a storage of {storage.Elements}");
        }
        // A view may repeat what is stored (a stride of 0); a few bytes would then stand for any amount of memory.
        if (elements > storage.Elements)
        {
            throw new InvalidDataException($"a tensor in its pickle has {elements} elements, but its storage {storage.Elements}: it repeats them; "
                + "save a copy of it (tensor.contiguous())");
        }
        return new("", storage.Key, storage.Type, storage.Elements, offset, extent, shape, strides);
    }

    private static long[] Numbers(object? value)
    {
        object?[] items = value as object?[] ?? throw new InvalidDataException("a tensor in its pickle has no shape");
        return [.. items.Select(item => item is long number and >= 0 ? number
            : throw new InvalidDataException("a shape in its pickle is not made of numbers from 0 up"))];
    }

    private static Storage Persistent(object? id)
    {
        if (id is object?[] { Length: >= 5 } items && items[0] is "storage" && items[1] is Global type && items[2] is string key && items[4] is long elements
            && Storages.TryGetValue(type.Name, out ScalarType scalar) && elements is >= 0 and < LargestStorage
            && key.Length is > 0 and <= 32 && key.All(char.IsAsciiLetterOrDigit))
        {
            return new(key, scalar, elements);
        }
        throw new InvalidDataException("its pickle refers to something that is no storage of a known type");
    }

    // Only what has a name can be a tensor of a state dictionary; keys of other kinds (an optimizer's numbers) are passed over.
    private static void Set(Dictionary<string, object?> target, object? key, object? value)
    {
        if (key is null) throw new InvalidDataException("a key in its pickle is None");
        if (key is not string name) return;
        if (name.Length > LongestName) throw new InvalidDataException($"a name in its pickle has {name.Length} characters");
        target[name] = value;
    }

    private static long Integer(ReadOnlySpan<byte> bytes) => bytes.Length <= 8
        ? (long)new BigInteger(bytes)
        : throw new InvalidDataException("an integer in its pickle has more than 64 bits");

    private void SetItems()
    {
        object?[] items = PopMark();
        if (items.Length % 2 != 0) throw new InvalidDataException("a dictionary in its pickle has a key without value");
        Dictionary<string, object?> target = Top<Dictionary<string, object?>>("a dictionary");
        for (int i = 0; i < items.Length; i += 2) Set(target, items[i], items[i + 1]);
    }

    private void Tuple(int count)
    {
        if (_stack.Count < count) throw new InvalidDataException("its pickle is damaged: the stack is empty");
        Charge(count);
        object?[] items = [.. _stack.Skip(_stack.Count - count)];
        _stack.RemoveRange(_stack.Count - count, count);
        _stack.Add(items);
    }

    private object?[] PopMark()
    {
        int mark = _stack.FindLastIndex(item => item is Mark);
        if (mark < 0) throw new InvalidDataException("its pickle is damaged: a mark is missing");
        Charge(_stack.Count - mark);
        object?[] items = [.. _stack.Skip(mark + 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private object? Pop()
    {
        if (_stack.Count == 0) throw new InvalidDataException("its pickle is damaged: the stack is empty");
        object? top = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private readonly T Top<T>(string what) =>
        _stack.Count > 0 && _stack[^1] is T top ? top : throw new InvalidDataException($"its pickle is damaged: {what} was expected");

    private readonly object? Recall(long key) =>
        key < _memo.Count && _memo[(int)key] is { } value ? value : throw new InvalidDataException("its pickle refers to a value that was never stored");

    // Writers number values as they come, some leaving gaps.
    private void Memorize(uint key)
    {
        object? value = Top<object?>("a value");
        if (key >= MostObjects) throw new InvalidDataException($"its pickle stores a value under the number {key}");
        Charge(Math.Max(0, (int)key - _memo.Count));
        while (_memo.Count <= key) _memo.Add(null);
        _memo[(int)key] = value;
    }

    private void Charge(int objects)
    {
        if ((_objects += objects) > MostObjects)
        {
            throw new InvalidDataException($"its pickle makes more than {MostObjects} objects; no checkpoint needs so many");
        }
    }

    private int Length32()
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
        return length <= int.MaxValue ? (int)length : throw new InvalidDataException("a text in its pickle is longer than the file");
    }

    private string Utf8(int length) => Encoding.UTF8.GetString(Take(length));

    private string Line()
    {
        int length = _bytes[_at..].IndexOf((byte)'\n');
        if (length is < 0 or > LongestName) throw new InvalidDataException("its pickle is damaged: a name has no end");
        string line = Encoding.UTF8.GetString(_bytes.Slice(_at, length));
        _at += length + 1;
        return line;
    }

    private byte Byte() => Take(1)[0];

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - _at) throw new InvalidDataException("its pickle is cut off");
        ReadOnlySpan<byte> taken = _bytes.Slice(_at, count);
        _at += count;
        return taken;
    }
}
