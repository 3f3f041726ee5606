namespace FineTuning.Fuzz;

/// <summary>Changes a text at random, with words that mean something in it.</summary>
internal static class TextMutator
{
    private const int Longest = 1 << 17;

    public static string Mutate(string text, string other, Random random, IReadOnlyList<string> words)
    {
        for (int count = 1 + random.Next(4); count > 0; count--) text = Once(text, other, random, words);
        return text.Length > Longest ? text[..Longest] : text;
    }

    private static string Once(string text, string other, Random random, IReadOnlyList<string> words)
    {
        int at = random.Next(text.Length + 1), length = Math.Min(text.Length - at, random.Next(random.Next(4) == 0 ? 200 : 12));
        switch (random.Next(8))
        {
            case 0:
                return text.Remove(at, length);
            case 1:
                return text.Insert(at, text.Substring(at, length));
            case 2:
                string part = text.Substring(at, Math.Min(length, 40));
                return text.Insert(at, string.Concat(Enumerable.Repeat(part, 1 + random.Next(60))));
            case 3:
                int from = random.Next(other.Length + 1);
                return text.Insert(at, other.Substring(from, Math.Min(other.Length - from, random.Next(60))));
            case 4:
                return text.Remove(at, length).Insert(at, words[random.Next(words.Count)]);
            case 5 when text.Length > 0:
                return text.Remove(Math.Min(at, text.Length - 1), 1).Insert(Math.Min(at, text.Length - 1), ((char)random.Next(1, random.Next(3) == 0 ? 0xD800 : 127)).ToString());
            default:
                return text.Insert(at, words[random.Next(words.Count)]);
        }
    }
}
