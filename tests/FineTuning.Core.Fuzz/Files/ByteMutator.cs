namespace FineTuning.Fuzz;

/// <summary>Changes bytes at random, with numbers that mean something where lengths stand.</summary>
internal static class ByteMutator
{
    private const int Longest = 1 << 18;

    private static readonly long[] Numbers = [0, 1, -1, 2, 127, 128, 255, 256, 32767, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, long.MaxValue, long.MinValue];

    public static byte[] Mutate(byte[] bytes, byte[] other, Random random)
    {
        for (int count = 1 + random.Next(4); count > 0; count--) bytes = Once(bytes, other, random);
        return bytes.Length > Longest ? bytes[..Longest] : bytes;
    }

    private static byte[] Once(byte[] bytes, byte[] other, Random random)
    {
        int at = random.Next(bytes.Length + 1), length = Math.Min(bytes.Length - at, random.Next(random.Next(4) == 0 ? 300 : 12));
        byte[] changed = [.. bytes];
        switch (random.Next(9))
        {
            case 0 when at < bytes.Length:
                changed[at] ^= (byte)(1 << random.Next(8));
                return changed;
            case 1 when at < bytes.Length:
                changed[at] = (byte)random.Next(256);
                return changed;
            case 2:
                byte[] number = BitConverter.GetBytes(Numbers[random.Next(Numbers.Length)])[..(random.Next(3) switch { 0 => 2, 1 => 4, _ => 8 })];
                number.AsSpan(0, Math.Min(number.Length, bytes.Length - at)).CopyTo(changed.AsSpan(at));
                return changed;
            case 3:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 4:
                return [.. bytes[..at], .. Enumerable.Repeat(bytes[at..(at + length)], 1 + random.Next(random.Next(8) == 0 ? 3000 : 4)).SelectMany(part => part).Take(Longest), .. bytes[at..]];
            case 5:
                return bytes[..at];
            case 6:
                int from = random.Next(other.Length + 1);
                return [.. bytes[..at], .. other[from..Math.Min(other.Length, from + random.Next(80))], .. bytes[at..]];
            default:
                var fresh = new byte[random.Next(8)];
                random.NextBytes(fresh);
                return [.. bytes[..at], .. fresh, .. bytes[at..]];
        }
    }
}
