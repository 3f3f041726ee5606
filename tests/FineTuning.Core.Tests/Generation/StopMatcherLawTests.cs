using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>A stop string is looked for in the last tokens alone: with every tokenizer of the goldens the whole text gives the same answer.</summary>
public sealed class StopMatcherLawTests
{
    private static readonly string[] Texts =
    [
        "The quick brown fox, it doesn't jump over 12 lazy dogs!\n\nUser: and then? Nothing.", "Grüße aus Köln, señor; naïve café 東京都 — 🙂🙂 ok.\n### End", "🙂🙂🙂🙂\nUser: hi 🙂\n", "a b c  d   e\tf <|im_end|> </s> [SEP] x",
    ];

    [Fact]
    public void The_window_is_wide_enough()
    {
        string root = Goldens.Require("tokenizers");
        var differences = new List<string>();
        int tokenizers = 0, met = 0;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (!File.Exists(Path.Combine(folder, "tokenizer.json")) || TryLoad(folder) is not { } tokenizer) continue;
            // A decoder that sees all tokens as one text may join across any distance: what it gives has no windows at all.
            if (Path.GetFileName(folder).Contains("ctc", StringComparison.Ordinal)) continue;
            tokenizers++;
            foreach (string text in Texts)
            {
                int[] ids = TryEncode(tokenizer, text);
                string whole = tokenizer.Decode(ids, skipSpecialTokens: false, cleanUp: false);
                foreach (string stop in Stops(whole))
                {
                    var matcher = new StopMatcher(tokenizer, [stop]);
                    for (int length = 1; length <= ids.Length; length++)
                    {
                        bool expected = IsMet(tokenizer, ids[..length], stop), found = matcher.IsMet(ids.AsSpan(0, length));
                        met += expected ? 1 : 0;
                        if (expected != found) differences.Add($"{Path.GetFileName(folder)}: '{stop}' in {length} tokens of '{text}': {found}");
                    }
                }
            }
        }
        Assert.True(tokenizers > 0 && met > 0, $"{tokenizers} tokenizers, {met} stop strings met");
        Assert.True(differences.Count == 0, $"{differences.Count} of {met}:{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(20))}");
    }

    private static IEnumerable<string> Stops(string text) => ["\n", "r: ", .. Parts(text)];

    private static IEnumerable<string> Parts(string text) =>
        new[] { (0.3, 1), (0.5, 2), (0.7, 3), (0.8, 6), (0.2, 12) }.Where(part => (part.Item1 * text.Length) + part.Item2 <= text.Length).Select(part => text.Substring((int)(part.Item1 * text.Length), part.Item2));

    private static bool IsMet(PretrainedTokenizer tokenizer, int[] ids, string stop)
    {
        string after = tokenizer.Decode(ids, skipSpecialTokens: false, cleanUp: false), before = tokenizer.Decode(ids.AsSpan(..^1), skipSpecialTokens: false, cleanUp: false);
        int own = tokenizer.Decode(ids.AsSpan(^1..), skipSpecialTokens: false, cleanUp: false).Length;
        int known = Math.Max(before.AsSpan().CommonPrefixLength(after), after.Length - own - 1);
        for (int at = after.IndexOf(stop, StringComparison.Ordinal); at >= 0; at = at + 1 < after.Length ? after.IndexOf(stop, at + 1, StringComparison.Ordinal) : -1)
        {
            if (at + stop.Length > known) return true;
        }
        return false;
    }

    private static PretrainedTokenizer? TryLoad(string folder)
    {
        try
        {
            return PretrainedTokenizer.Load(folder);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static int[] TryEncode(PretrainedTokenizer tokenizer, string text)
    {
        try
        {
            return tokenizer.Encode(text).Ids;
        }
        catch (TokenizationException)
        {
            return [];
        }
    }
}
