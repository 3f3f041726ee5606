using System.Buffers.Binary;
using System.Text;

namespace FineTuning.Fuzz;

/// <summary>
/// Changes the header of a safetensors file by its structure, and keeps its length right most of the time: what lies behind the first check is reached.
/// </summary>
internal static class SafetensorsMutator
{
    public static byte[] Mutate(byte[] file, byte[] other, Random random)
    {
        if (HeaderOf(file) is not { } header) return ByteMutator.Mutate(file, other, random);
        string changed = JsonMutator.Mutate(header, HeaderOf(other) ?? header, random, FileWords.All);
        byte[] json = Encoding.UTF8.GetBytes(changed), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, random.Next(20) == 0 ? random.Next() : json.Length);
        return [.. length, .. json, .. file[(8 + Encoding.UTF8.GetByteCount(header))..]];
    }

    private static string? HeaderOf(byte[] file)
    {
        if (file.Length < 8 || BinaryPrimitives.ReadUInt64LittleEndian(file) is var length && length > (ulong)(file.Length - 8)) return null;
        string header = Encoding.UTF8.GetString(file, 8, (int)length);
        return Encoding.UTF8.GetByteCount(header) == (int)length ? header : null;
    }
}
