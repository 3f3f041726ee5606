using System.Globalization;
using System.Text;
using FineTuning.Errors;
using FineTuning.Testing;
using FineTuning.Text;

namespace FineTuning.Fuzz;

/// <summary>tokenizer.json and tokenizer_config.json, and texts through what was loaded from them.</summary>
internal sealed class TokenizerTarget : FuzzTarget
{
    private const int LargestSeed = 48 << 10;

    private readonly string _folder = Directory.CreateTempSubdirectory("fuzz").FullName;

    public override string Name => "tokenizer";

    public override IEnumerable<string> Seeds(string goldens)
    {
        string root = Path.Combine(goldens, "tokenizers");
        if (!Directory.Exists(root)) yield break;
        int seed = 0;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string file = Path.Combine(folder, "tokenizer.json"), config = Path.Combine(folder, "tokenizer_config.json");
            if (!File.Exists(file) || new FileInfo(file).Length > LargestSeed) continue;
            yield return Join(File.ReadAllText(file), File.Exists(config) ? File.ReadAllText(config) : "{}", new RandomTexts(seed++).Take(4));
        }
    }

    public override string Mutate(string input, string other, Random random)
    {
        string[] parts = input.Split(Separator), others = other.Split(Separator);
        string file = parts[0], config = Part(parts, 1);
        string[] texts = [.. parts.Skip(2).Select(Unescape)];
        switch (random.Next(8))
        {
            case 0:
                config = JsonMutator.Mutate(config, Part(others, 1), random, TokenizerWords.All);
                break;
            case 1 or 2:
                texts = random.Next(2) == 0 ? new RandomTexts(random.Next(), TokenizerWords.All).Take(1 + random.Next(4)) : [.. texts.Select(text => TextMutator.Mutate(text, string.Concat(texts), random, TokenizerWords.All))];
                break;
            default:
                for (int count = 1 + random.Next(3); count > 0; count--) file = JsonMutator.Mutate(file, others[0], random, TokenizerWords.All);
                break;
        }
        return Join(file, config, texts);
    }

    public override void Run(string input)
    {
        string[] parts = input.Split(Separator);
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), parts[0]);
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), Part(parts, 1));
        PretrainedTokenizer tokenizer;
        try
        {
            tokenizer = PretrainedTokenizer.Load(_folder);
        }
        catch (FineTuningException)
        {
            return;
        }
        foreach (string text in parts.Skip(2)) Check(tokenizer, Unescape(text));
    }

    private static void Check(PretrainedTokenizer tokenizer, string text)
    {
        try
        {
            TokenizedText whole = tokenizer.Encode(text);
            TokenizerLaws.Hold(tokenizer, whole, text);
            TokenizerLaws.Decodes(tokenizer, whole);
            TokenizedText pair = tokenizer.Encode(text, text);
            TokenizerLaws.Hold(tokenizer, pair, text);
            var cut = new TokenizingOptions { Truncation = TruncationStrategy.LongestFirst, MaximumLength = 8, Stride = 1, KeepOverflow = true, TruncateLeft = text.Length % 2 == 0 };
            TokenizerLaws.Covers(tokenizer, text, cut, whole);
            tokenizer.EncodeWords(text.Split(' '));
        }
        catch (Exception fault) when (fault is FineTuningException or ArgumentException { ParamName: null })
        {
            // The tokenizer refuses the text, or what may be cut does not suffice.
        }
    }

    private static string Join(string file, string config, string[] texts) => string.Join(Separator, [file, config, .. texts.Select(Escape)]);

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (char character in text)
        {
            if (character is >= ' ' and <= '~' and not '\\') escaped.Append(character);
            else escaped.Append(CultureInfo.InvariantCulture, $"\\{(int)character:x4}");
        }
        return escaped.ToString();
    }

    private static string Unescape(string escaped)
    {
        var text = new StringBuilder();
        for (int i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] == '\\' && i + 4 < escaped.Length && ushort.TryParse(escaped.AsSpan(i + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ushort code))
            {
                text.Append((char)code);
                i += 4;
            }
            else
            {
                text.Append(escaped[i]);
            }
        }
        return text.ToString();
    }
}
