using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The loss of a head over the vocabulary is that of its whole scores, also where an adapter is on the output layer, with and without a soft cap.</summary>
public sealed class AdaptedOutputLossTests
{
    // More tokens than are computed at once.
    private const int Tokens = 300;

    public static TheoryData<string> Configurations() =>
    [
        """{"model_type":"llama","vocab_size":50,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":1,"num_attention_heads":2,"initializer_range":0.3}""",
        """{"model_type":"gpt2","vocab_size":50,"n_embd":16,"n_head":2,"n_layer":1,"n_positions":64,"initializer_range":0.3}""",
        """
        {"model_type":"gemma2","vocab_size":50,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":8,
         "initializer_range":0.5,"final_logit_softcapping":2.0,"tie_word_embeddings":false,"sliding_window":8}
        """,
    ];

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Chunked_is_whole(string configuration)
    {
        foreach (bool adapted in new[] { false, true })
        {
            foreach ((double smoothing, bool weighted) in new[] { (0.0, false), (0.2, true) }) Compare(configuration, adapted, smoothing, weighted);
        }
    }

    private static void Compare(string configuration, bool adapted, double smoothing, bool weighted)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        using OutputHead model = OutputHead.Create(configuration, HeadKind.CausalLanguage, options: new ModelLoadOptions { MasterType = ScalarType.Float64 });
        using var adapters = new ModelAdapters(model);
        if (adapted)
        {
            adapters.Add(Adapter.Lora(rank: 2, alpha: 4).On(l => l.Named("lm_head")));
            using var still = no_grad();
            foreach (Weight weight in model.Weights.Where(weight => weight.IsTrainable)) weight.Value.add_(randn(weight.Value.shape, weight.Value.dtype, generator: generator), Held(1));
        }
        Tensor hidden = randn([Tokens, 16], ScalarType.Float64, generator: generator).requires_grad_(true), targets = randint(0, 50, [Tokens], ScalarType.Int64, generator: generator);
        Tensor? weights = weighted ? rand([Tokens], ScalarType.Float64, generator: generator) : null;
        ForwardContext pass = ForwardContext.EvaluationIn(ScalarType.Float64);
        Tensor logs = nn.functional.log_softmax(model.Score(hidden, pass), -1), losses = logs.gather(1, targets.unsqueeze(1)).squeeze(1).neg();
        if (smoothing > 0) losses = (losses * Held(1 - smoothing)) - (logs.mean([1]) * Held(smoothing));
        Tensor whole = (weights is null ? losses : losses * weights).sum(), own = model.SumLosses(hidden, targets, weights, smoothing, pass);
        Assert.Equal(whole.item<double>(), own.item<double>(), 1e-9);
        double[][] expected = Gradients(model, hidden, whole), found = Gradients(model, hidden, own);
        Assert.Equal(expected.Length, found.Length);
        Assert.True(expected.Length >= (adapted ? 3 : 2));
        foreach ((double[] theirs, double[] ours) in expected.Zip(found))
        {
            for (int i = 0; i < theirs.Length; i++) Assert.Equal(theirs[i], ours[i], 1e-9);
        }
    }

    private static double[][] Gradients(OutputHead model, Tensor hidden, Tensor loss)
    {
        loss.backward();
        BackwardFaults.ThrowKept();
        double[][] gradients = [hidden.grad!.data<double>().ToArray(), .. model.Weights.Where(weight => weight.Value.grad is not null).Select(weight => weight.Value.grad!.to(ScalarType.Float64).contiguous().data<double>().ToArray())];
        hidden.grad = null;
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        return gradients;
    }
}
