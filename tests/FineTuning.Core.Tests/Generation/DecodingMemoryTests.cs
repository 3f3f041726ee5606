using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>What a token of a model of twelve layers costs in managed memory: little, and no more in a long text or of a large vocabulary.</summary>
public sealed class DecodingMemoryTests
{
    [Theory]
    [InlineData(Precision.Float32, """ "model_type": "llama" """)]
    [InlineData(Precision.BFloat16, """ "model_type": "llama" """)]
    [InlineData(Precision.Float32, """ "model_type": "qwen3", "head_dim": 8, "num_key_value_heads": 2 """)]
    [InlineData(Precision.Float32, """ "model_type": "mistral", "sliding_window": 20, "num_key_value_heads": 2 """)]
    [InlineData(Precision.Float32, """ "model_type": "gpt2", "n_embd": 32, "n_layer": 12, "n_head": 4, "n_positions": 512 """)]
    public void A_token_allocates_at_most_64_kilobytes_however_long_the_text_and_however_large_the_vocabulary(Precision precision, string family)
    {
        (long Early, long Late) small = Allocated(precision, family, 100), large = Allocated(precision, family, 20_000);
        Assert.InRange(small.Early, 1, 64 << 10);
        // Room for keys grows now and then: that is less than a kilobyte a token.
        Assert.InRange(small.Late, 1, small.Early + 1024);
        Assert.InRange(large.Early, 1, small.Early + 1024);
        Assert.InRange(large.Late, 1, small.Early + 1024);
        TestContext.Current.TestOutputHelper?.WriteLine($"{small.Early} bytes a token");
    }

    private static (long Early, long Late) Allocated(Precision precision, string family, int words)
    {
        string config = $$"""
            { {{family}}, "hidden_size": 32, "num_hidden_layers": 12, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": {{words}}, "max_position_embeddings": 512 }
            """;
        using OutputHead head = OutputHead.Create(config, HeadKind.CausalLanguage);
        using var source = new TrunkScoreSource(head, precision);
        var counts = new long[260];
        int next = 0;
        var options = new GenerationOptions { MaxNewTokens = counts.Length, MinNewTokens = counts.Length, EosTokenId = [1], DoSample = true, TopP = 0.9, RepetitionPenalty = 1.1 };
        SearchRequest request = SearchLawTests.Request(options, [[2, 3, 4, 5]], words) with { OnToken = (_, _) => counts[next++] = GC.GetAllocatedBytesForCurrentThread() };
        _ = TokenSearch.Run(source, request, TestContext.Current.CancellationToken);
        Assert.Equal(counts.Length, next);
        return ((counts[50] - counts[10]) / 40, (counts[240] - counts[200]) / 40);
    }
}
