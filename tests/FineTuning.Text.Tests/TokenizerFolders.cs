using FineTuning.Errors;
using FineTuning.Testing;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>The pipelines of the goldens, loaded, and texts for them.</summary>
internal static class TokenizerFolders
{
    public static TheoryData<string> Names()
    {
        var names = new TheoryData<string>();
        if (Goldens.Folder("tokenizers") is not { } root) return names;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "expect.json"))) names.Add(Path.GetFileName(folder));
        }
        return names;
    }

    /// <summary>Loads a pipeline; null where its files are not all here, or are of a kind that is not supported.</summary>
    public static PretrainedTokenizer? TryLoad(string name)
    {
        string folder = Goldens.Require("tokenizers", name);
        if (!File.Exists(Path.Combine(folder, "expect.json")) || GoldenFolder.Prepare(folder) is not { } loadable) return null;
        try
        {
            return PretrainedTokenizer.Load(loadable);
        }
        catch (CheckpointException refusal) when (IsBeyond(refusal))
        {
            return null;
        }
    }

    private static bool IsBeyond(CheckpointException refusal) => refusal.Message.Contains("not supported", StringComparison.Ordinal) || refusal.Message.Contains("holds no tokenizer", StringComparison.Ordinal);

    /// <summary>Loads a pipeline; the test is skipped where its files are not all here, or are of a kind that is not supported.</summary>
    public static PretrainedTokenizer Load(string name)
    {
        string? folder = GoldenFolder.Prepare(Goldens.Require("tokenizers", name));
        if (folder is null) Assert.Skip($"the files that {name} borrows are not here");
        try
        {
            return PretrainedTokenizer.Load(folder!);
        }
        catch (CheckpointException refusal) when (IsBeyond(refusal))
        {
            Assert.Skip(refusal.Message);
            throw;
        }
    }

    /// <summary>Generated texts with the pipeline's added tokens strewn in.</summary>
    public static string[] Texts(PretrainedTokenizer tokenizer, string name, int count)
    {
        int seed = name.Aggregate(17, (sum, character) => unchecked((sum * 31) + character));
        return new RandomTexts(seed, [.. tokenizer.Parts.AddedTokens.Select(token => token.Content)]).Take(count);
    }

    /// <summary>Encodes; null where the pipeline has no token for what stands in the text.</summary>
    public static TokenizedText? Encode(PretrainedTokenizer tokenizer, string text, TokenizingOptions? options = null)
    {
        try
        {
            return tokenizer.Encode(text, null, options);
        }
        catch (TokenizationException)
        {
            return null;
        }
    }
}
