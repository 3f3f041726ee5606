using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>LongRoPE by its formula (Ding et al. 2024), which no reference model here has.</summary>
public sealed class LongRopeTests
{
    private const string Sizes = """
        "model_type": "phi3", "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0, "initializer_range": 0.5,
        "max_position_embeddings": 32, "original_max_position_embeddings": 8
        """;

    [Theory]
    [InlineData("longrope")]
    [InlineData("su")]
    [InlineData("yarn")]
    public void Each_channel_has_a_factor_by_the_length_of_the_text(string type)
    {
        double[] near = [1, 1.5, 2, 2.5], far = [3, 4, 5, 6];
        ConfigFile config = ConfigFile.Parse("config.json", $$"""{ {{Sizes}}, "rope_scaling": { "type": "{{type}}", "short_factor": [1, 1.5, 2, 2.5], "long_factor": [3, 4, 5, 6] } }""");
        RotaryPlan rotary = ModelFamilies.Of(config).Read(config).Plan.Decoder!.Layers[0].Attention.Rotary!;
        Assert.Equal(Math.Sqrt(1 + (Math.Log(4) / Math.Log(8))), rotary.Scaling!.Factor, 12);
        float[] plain = [.. Enumerable.Range(0, 4).Select(i => (float)Math.Pow(10000, -2.0 * i / 8))];
        for (int tokens = 6; tokens <= 12; tokens++)
        {
            float[] found = rotary.Scaling.Frequencies(plain, rotary, tokens);
            double[] factors = tokens > 8 ? far : near;
            for (int i = 0; i < 4; i++) Assert.Equal(1 / (factors[i] * Math.Pow(10000, -2.0 * -i / 8)), found[i], 6);
        }
    }

    /// <summary>Equal factors are positions divided by one number: by the short one up to the original length, by the long one beyond it.</summary>
    [Theory]
    [InlineData(8, 2)]
    [InlineData(9, 4)]
    public void Equal_factors_are_a_linear_scaling(int tokens, int by)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        const string Long = """ { "type": "longrope", "attention_factor": 1.0, "short_factor": [2, 2, 2, 2], "long_factor": [4, 4, 4, 4] } """;
        using OutputHead scaled = Model(Long), linear = Model($$"""{ "type": "linear", "factor": {{by}}.0 }"""), other = Model($$"""{ "type": "linear", "factor": {{6 - by}}.0 }""");
        var input = new TrunkInput(Range(3, 3 + tokens).unsqueeze(0));
        Tensor found = scaled.Logits(input, ForwardContext.Evaluation());
        Assert.True((found - linear.Logits(input, ForwardContext.Evaluation())).abs().max().item<float>() < 1e-5);
        Assert.True((found - other.Logits(input, ForwardContext.Evaluation())).abs().max().item<float>() > 1e-3);
    }

    private static OutputHead Model(string scaling) => OutputHead.Create($$"""{ {{Sizes}}, "rope_scaling": {{scaling}} }""", HeadKind.CausalLanguage);
}
