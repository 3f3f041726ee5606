using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Fresh matrices have the deviations that the reference draws them with.</summary>
public sealed class InitialisationTests
{
    private const double Hidden = 96, Inner = 48, HeadWidth = 32, Width = 160, Factor = 0.8;

    private static void Near(WeightSet weights, string name, double deviation)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Weight weight = weights.Find(name) ?? throw new ArgumentException($"there is no {name}: {string.Join(", ", weights.Select(own => own.Name))}", nameof(name));
        Near(weight.Value, name, deviation);
    }

    private static void Near(Tensor value, string name, double deviation)
    {
        double found = value.std().Number(), mean = value.mean().Number();
        // A sample of n numbers is within four standard errors.
        double error = 4 / Math.Sqrt(value.numel());
        Assert.True(Math.Abs((found / deviation) - 1) < error && Math.Abs(mean / deviation) < error, $"{name}: {found}, expected {deviation}; mean {mean}");
    }

    [Theory]
    [InlineData("relu")]
    [InlineData("gated-gelu")]
    public void Of_T5(string network)
    {
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Create($$"""
            {"model_type":"t5","vocab_size":200,"d_model":96,"d_kv":32,"d_ff":160,"num_heads":3,"num_layers":2,"initializer_factor":0.8,"feed_forward_proj":"{{network}}",
             "tie_word_embeddings":false,"decoder_start_token_id":0}
            """, HeadKind.SequenceToSequence);
        WeightSet weights = model.Weights;
        Near(weights, "embeddings.token.weight", Factor);
        Near(weights, "head.output.weight", Factor);
        Near(weights, "encoder.relative.weight", Factor / Math.Sqrt(Hidden));
        foreach (string layer in new[] { "encoder.layers.1.", "decoder.layers.0." })
        {
            Tensor all = weights.Find(layer + "attention.projection.weight")!.Value.detach();
            long rows = all.shape[0] / 3;
            Near(all.narrow(0, 0, rows), layer + "query", Factor / Math.Sqrt(Hidden * HeadWidth));
            Near(all.narrow(0, rows, 2 * rows), layer + "key and value", Factor / Math.Sqrt(Hidden));
            Near(weights, layer + "attention.output.weight", Factor / Math.Sqrt(3 * HeadWidth));
            Near(weights, layer + "feed_forward.inner.weight", Factor / Math.Sqrt(Hidden));
            Near(weights, layer + "feed_forward.outer.weight", Factor / Math.Sqrt(Width));
        }
        Near(weights, "decoder.layers.1.cross.query.weight", Factor / Math.Sqrt(Hidden * HeadWidth));
        Near(weights, "decoder.layers.1.cross.memory.weight", Factor / Math.Sqrt(Hidden));
        Near(weights, "decoder.layers.1.cross.output.weight", Factor / Math.Sqrt(3 * HeadWidth));
        Assert.All(weights.Where(weight => weight.Kind == WeightKind.Norm), weight => Assert.True(weight.Value.eq(Scalars.Held(1)).all().item<bool>()));
    }

    [Fact]
    public void Of_Gemma_and_its_norms_are_differences_from_one()
    {
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Create("""
            {"model_type":"gemma3_text","vocab_size":200,"hidden_size":96,"intermediate_size":160,"num_hidden_layers":2,"num_attention_heads":3,"num_key_value_heads":1,"head_dim":32,
             "initializer_range":0.05,"sliding_window":8,"pad_token_id":0}
            """, HeadKind.CausalLanguage);
        Assert.All(model.Weights.Where(weight => weight.Kind == WeightKind.Norm), weight => Assert.False(weight.Value.any().item<bool>(), weight.Name));
        foreach (Weight weight in model.Weights.Where(weight => weight.Kind == WeightKind.Matrix)) Near(weight.Value.detach(), weight.Name, 0.05);
        Tensor table = model.Weights.Find("embeddings.token.weight")!.Value.detach();
        Assert.False(table[0].any().item<bool>());
        Near(table.narrow(0, 1, 199), "tokens", 0.05);
    }

    [Fact]
    public void Of_GPT_2_what_is_added_to_the_stream_is_smaller_with_depth()
    {
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Create("""{"model_type":"gpt2","vocab_size":200,"n_embd":96,"n_head":3,"n_layer":8,"n_positions":64,"initializer_range":0.02}""", HeadKind.CausalLanguage);
        Near(model.Weights, "embeddings.token.weight", 0.02);
        Near(model.Weights, "layers.3.attention.projection.weight", 0.02);
        Near(model.Weights, "layers.3.feed_forward.inner.weight", 0.02);
        Near(model.Weights, "layers.3.attention.output.weight", 0.02 / 4);
        Near(model.Weights, "layers.7.feed_forward.outer.weight", 0.02 / 4);
    }
}
