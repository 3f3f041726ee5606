namespace FineTuning.Text;

/// <summary>GPT-2's alphabet: each byte as a character that can be seen; those that cannot stand at U+0100 and up, in order.</summary>
internal static class ByteAlphabet
{
    public static readonly char[] Characters = Make();

    private static readonly Dictionary<char, byte> Bytes = Characters.Select((character, value) => (character, value))
        .ToDictionary(pair => pair.character, pair => (byte)pair.value);

    public static bool TryByte(char character, out byte value) => Bytes.TryGetValue(character, out value);

    private static char[] Make()
    {
        var characters = new char[256];
        int hidden = 0;
        for (int value = 0; value < 256; value++)
        {
            bool visible = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = visible ? (char)value : (char)(0x100 + hidden++);
        }
        return characters;
    }
}
