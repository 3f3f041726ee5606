using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/tokenizers.md, on the sample's checkpoint.</summary>
public sealed class TokenizerPageTests : IDisposable
{
    private static readonly string checkpoint = Goldens.Starter;

    private readonly string output = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(output, recursive: true);

    [Fact]
    public void Encoding_and_decoding()
    {
        string text = "The parcel never arrived.";
        // snippet: tokenizer-encode
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);

        TokenizedText row = tokenizer.Encode(text);
        for (int i = 0; i < row.Ids.Length; i++)
        {
            string part = text[row.Starts[i]..row.Ends[i]];      // offsets are indices of the C# string
            string line = $"{row.Ids[i]} {row.Token(i)} '{part}' word {row.WordIds[i]}";
        }
        int token = row.TokenAt(character: 4);                   // the token that covers a character
        string again = tokenizer.Decode(row.Ids);
        // end
        Assert.Equal(4, row.Starts[token]);
        Assert.Equal("the parcel never arrived.", again);
    }

    [Fact]
    public void By_itself()
    {
        string text = "The parcel never arrived.";
        // snippet: text-by-itself
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);       // a folder as Hugging Face publishes it

        int[] ids = tokenizer.EncodeIds(text);                                      // ids alone, by the fastest way
        TokenizedText row = tokenizer.Encode(text);                                 // and with offsets, words, types and masks
        string second = text[row.Starts[2]..row.Ends[2]];
        string prompt = tokenizer.ChatTemplate.Render([new("user", text)], new ChatOptions { AddGenerationPrompt = true }).Text;
        // end
        Assert.Equal(row.Ids, ids);
        Assert.Equal("parcel", second);
        Assert.Contains(text, prompt, StringComparison.Ordinal);
    }

    [Fact]
    public void Buffers()
    {
        string[] texts = ["The parcel never arrived.", "Where is it?"];
        long total = 0;
        // snippet: tokenizer-ids
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        var buffer = new int[512];
        foreach (string text in texts)
        {
            if (tokenizer.TryEncodeIds(text, buffer, out int count)) total += count;    // nothing is allocated for words seen before
        }
        // end
        Assert.Equal(texts.Sum(text => (long)tokenizer.Encode(text).Ids.Length), total);
    }

    [Fact]
    public void Windows()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        string question = "Where is it?", document = string.Join(' ', Enumerable.Repeat("The parcel never arrived.", 40));
        // snippet: tokenizer-windows
        TokenizedText first = tokenizer.Encode(question, document, new TokenizingOptions
        {
            Truncation = TruncationStrategy.OnlySecond,
            MaximumLength = 64,
            Stride = 16,
            KeepOverflow = true,
        });
        IEnumerable<TokenizedText> windows = first.Overflow.Prepend(first);
        // end
        Assert.All(windows, window => Assert.InRange(window.Ids.Length, 1, 64));
        Assert.True(windows.Count() > 2);
    }

    [Fact]
    public void Streams()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint);
        int[] generated = tokenizer.Encode("The parcel never arrived.").Ids;
        string shown = "";
        // snippet: tokenizer-stream
        var decoder = new StreamingDecoder(tokenizer);
        foreach (int id in generated) shown += decoder.Append(id);   // never half a character
        shown += decoder.Complete();
        // end
        Assert.Equal(tokenizer.Decode(generated), shown);
    }

    [Fact]
    public void Further_tokens()
    {
        // snippet: tokenizer-tokens
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(checkpoint).WithTokens(new NewToken("<order>") { Special = true }, new NewToken("tracking-number"));
        tokenizer.Save(output);                                  // tokenizer.json and tokenizer_config.json both have them
        // end
        Assert.Equal(tokenizer.TokenId("<order>"), PretrainedTokenizer.Load(output).TokenId("<order>"));
    }

    [Fact]
    public void New_vocabularies()
    {
        IEnumerable<string> texts = Enumerable.Repeat("The parcel never arrived, and nobody answers the telephone.", 50);
        // snippet: tokenizer-training
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(texts, new VocabularyOptions
        {
            Size = 8000,
            OnProgress = progress => Report(progress.Entries, progress.Size),
        });
        vocabulary.Save(output);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(output);
        // end
        Assert.True(_reports > 0);
        Assert.Equal("The parcel", tokenizer.Decode(tokenizer.Encode("The parcel").Ids));
    }

    private int _reports;

    private void Report(int entries, int size) => _reports += entries <= size ? 1 : 0;
}
