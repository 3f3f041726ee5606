using FineTuning.Models;
using Xunit;

namespace FineTuning.Tests.Models;

/// <summary>Rotary scalings that no reference model here has, by numbers that were worked out by hand from their papers' formulas.</summary>
public sealed class RotaryScalingTests
{
    private static RotaryPlan Plan(int heads, int positions, string scaling)
    {
        ConfigFile config = ConfigFile.Parse("config.json", $$"""
            { "model_type": "llama", "vocab_size": 30, "hidden_size": 64, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": {{heads}},
              "max_position_embeddings": {{positions}}, "rope_scaling": {{scaling}} }
            """);
        return ModelFamilies.Of(config).Read(config).Plan.Decoder!.Layers[0].Attention.Rotary!;
    }

    private static float[] Plain(RotaryPlan plan) => [.. Enumerable.Range(0, plan.Width / 2).Select(i => (float)Math.Pow(plan.Base, -2.0 * i / plan.Width))];

    private static float[] Found(RotaryPlan plan, long tokens) => plan.Scaling!.Frequencies(Plain(plan), plan, tokens);

    [Theory]
    [InlineData("rope_type")]
    [InlineData("type")]
    public void Linear_divides_every_position(string key)
    {
        RotaryPlan plan = Plan(8, 64, $$"""{ "{{key}}": "linear", "factor": 4.0 }""");
        Assert.Equal(1, plan.Scaling!.Factor);
        Assert.False(plan.Scaling.DependsOnLength);
        foreach ((float plain, float found) in Plain(plan).Zip(Found(plan, 1000))) Assert.Equal(plain / 4, found, 1e-7f);
    }

    /// <summary>Width 8, base 10,000, factor 2, 8 positions: at 16 tokens the base is 10,000 x 3^(8 / 6), so that the second channel turns by 1 / (10 x 3^(1 / 3)).</summary>
    [Fact]
    public void Dynamic_grows_the_base_with_the_text_beyond_its_positions()
    {
        RotaryPlan plan = Plan(8, 8, """{ "rope_type": "dynamic", "factor": 2.0 }""");
        Assert.True(plan.Scaling!.DependsOnLength);
        foreach (long few in new[] { 1, 8 })
        {
            foreach ((float plain, float found) in Plain(plan).Zip(Found(plan, few))) Assert.Equal(plain, found, 1e-7f);
        }
        float[] more = Found(plan, 16);
        Assert.Equal(1, more[0], 1e-6f);
        Assert.Equal(0.0693361, more[1], 1e-6);
        Assert.Equal(0.0693361 * 0.0693361, more[2], 1e-6);
    }

    /// <summary>
    /// Width 64, base 10,000, 2,048 positions: 32 turns are channel 64 ln(2048 / (32 x 2 pi)) / (2 ln 10000) = 8.06, one turn is channel 20.1. Up to channel 8 nothing changes,
    /// from 21 on all is divided, and channel 15 lies 7 / 13 of the way.
    /// </summary>
    [Theory]
    [InlineData("", 1.1386294)]
    [InlineData(", \"attention_factor\": 1.5", 1.5)]
    [InlineData(", \"mscale\": 0.707, \"mscale_all_dim\": 0.707", 1)]
    public void Yarn_keeps_short_waves_and_divides_long_ones(string more, double attention)
    {
        RotaryPlan plan = Plan(1, 8192, $$"""{ "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048{{more}} }""");
        Assert.Equal(attention, plan.Scaling!.Factor, 1e-6);
        float[] plain = Plain(plan), found = Found(plan, 100);
        for (int i = 0; i < 32; i++)
        {
            double expected = i <= 8 ? plain[i] : i >= 21 ? plain[i] / 4 : plain[i] * (1 - (0.75 * (i - 8) / 13));
            Assert.Equal(expected, found[i], 1e-7);
        }
        Assert.Equal(plain[15] * 0.5961538, found[15], 1e-7);
    }

    [Fact]
    public void A_scaling_that_is_not_known_is_named() =>
        Assert.Contains("'ntk'", Assert.Throws<FineTuning.Errors.CheckpointException>(() => Plan(8, 8, """{ "rope_type": "ntk", "factor": 2.0 }""")).Message, StringComparison.Ordinal);
}
