using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>What a file says of one of its tensors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="DataType">Its type as safetensors spells it, for example <c>F32</c> or <c>BF16</c>.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="File">The file that holds it.</param>
internal sealed record StoredTensor(string Name, string DataType, IReadOnlyList<long> Shape, string File);

/// <summary>Tensors by name, from one file or several.</summary>
internal interface ITensorSource : IDisposable
{
    IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>A fresh tensor with the contents; floating point of any width becomes float32, the rest stays.</summary>
    /// <exception cref="CheckpointException">No tensor of that name, or of a type that cannot be computed with.</exception>
    Tensor Read(string name);

    /// <summary>A fresh tensor with the contents of a tensor of floating point, in a type; where the file holds that one, no wider copy is made.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">A floating-point type.</param>
    /// <exception cref="CheckpointException">As for <see cref="Read"/>, or a finite number is beyond float32.</exception>
    Tensor ReadAs(string name, ScalarType type)
    {
        Tensor value = Read(name);
        if (value.dtype == type) return value;
        using (value) return value.to(type);
    }
}

/// <summary>The element types of safetensors: bits an element, and the type a tensor of them has here.</summary>
internal static class StoredTypes
{
    private static readonly Dictionary<string, (int Bits, ScalarType? Type)> Known = new(StringComparer.Ordinal)
    {
        ["BOOL"] = (8, ScalarType.Bool),
        ["U8"] = (8, ScalarType.Byte),
        ["I8"] = (8, ScalarType.Int8),
        ["I16"] = (16, ScalarType.Int16),
        ["I32"] = (32, ScalarType.Int32),
        ["I64"] = (64, ScalarType.Int64),
        ["F16"] = (16, ScalarType.Float16),
        ["BF16"] = (16, ScalarType.BFloat16),
        ["F32"] = (32, ScalarType.Float32),
        ["F64"] = (64, ScalarType.Float64),
        ["C64"] = (64, null),
        ["U16"] = (16, null),
        ["U32"] = (32, null),
        ["U64"] = (64, null),
        ["F8_E4M3"] = (8, null),
        ["F8_E5M2"] = (8, null),
        ["F8_E8M0"] = (8, null),
        ["F4"] = (4, null),
        ["F6_E2M3"] = (6, null),
        ["F6_E3M2"] = (6, null),
    };

    public static bool TryBits(string name, out int bits)
    {
        bool found = Known.TryGetValue(name, out (int Bits, ScalarType? Type) entry);
        bits = entry.Bits;
        return found;
    }

    public static ScalarType? TypeOf(string name) => Known.TryGetValue(name, out (int Bits, ScalarType? Type) entry) ? entry.Type : null;

    public static string NameOf(ScalarType type) => Known.First(pair => pair.Value.Type == type).Key;

    public static bool IsFloatingPoint(ScalarType type) => type is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64;
}
