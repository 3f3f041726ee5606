using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// How long a text may become on its way through a pipeline. Real files make at most eighteen characters of one;
/// a chain of replacements, or of steps that spell bytes, doubles a text with each of its links, and a file of a few kilobytes would take all memory.
/// </summary>
internal static class TextGrowth
{
    private const int Factor = 64, Slack = 1 << 12;

    /// <summary>The most characters that may come of so many.</summary>
    public static long Most(long characters) => (Factor * characters) + Slack;

    /// <summary>The characters of tokens.</summary>
    public static long Length(List<string> tokens)
    {
        long length = 0;
        foreach (string token in tokens) length += token.Length;
        return length;
    }

    /// <exception cref="TokenizationException">There are more than the most.</exception>
    public static void Check(long characters, long most)
    {
        if (characters > most)
            throw new TokenizationException($"the steps of the tokenizer's files make more than {most:N0} characters of {(most - Slack) / Factor:N0}; "
                + "the files are damaged or made to do harm");
    }
}
