using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The loss that never has its scores whole is that of whole scores, for every family that writes.</summary>
public sealed class LanguageLossLawTests
{
    public static TheoryData<string, string> Writers() => ModelCase.All("clm", "seq2seq");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Writers))]
    public void Chunked_is_full(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0 });
        TrunkInput input = head == "clm" ? data.Input() : new(data.Ids.masked_fill(data.Mask.logical_not(), Held(3L))) { Source = data.Input() };
        // More rows than a chunk has, and not a multiple of it.
        Tensor some = model.Trunk.Hidden(input, ForwardContext.Evaluation()).flatten(0, 1);
        long times = (300 / some.shape[0]) + 1;
        Tensor targets = (Range(0, some.shape[0] * times) * Held(5L)).remainder(Held((long)model.Outputs)), weights = (targets.to(ScalarType.Float32) * Held(0.01)).Plus(0.5);
        Dictionary<string, Tensor> chunked = Gradients(model, some, times, hidden => model.SumLosses(hidden, targets, weights, 0.1, ForwardContext.Evaluation()), out double sum);
        Dictionary<string, Tensor> full = Gradients(model, some, times, hidden =>
        {
            Tensor logs = nn.functional.log_softmax(model.Score(hidden, ForwardContext.Evaluation()), -1);
            Tensor losses = (logs.gather(1, targets.unsqueeze(1)).squeeze(1) * Held(-0.9)).Plus(logs.mean([1]) * Held(-0.1));
            return (losses * weights).sum();
        }, out double expected);
        Assert.Equal(expected, sum, 1e-5 * Math.Abs(expected));
        Assert.NotEmpty(full);
        Assert.Equal(full.Keys.Order(StringComparer.Ordinal), chunked.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, Tensor gradient) in full)
        {
            double difference = (gradient - chunked[name]).abs().max().Number(), largest = gradient.abs().max().Number();
            Assert.True(difference <= 2e-5 * Math.Max(1, largest), $"{family} {name}: {difference} apart of {largest}");
        }
    }

    private static Dictionary<string, Tensor> Gradients(OutputHead model, Tensor hidden, long times, Func<Tensor, Tensor> loss, out double sum)
    {
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        Tensor leaf = hidden.detach().clone().requires_grad_(true);
        Tensor value = loss(leaf.repeat(times, 1));
        value.backward();
        BackwardFaults.ThrowKept();
        sum = value.Number();
        var gradients = new Dictionary<string, Tensor> { ["hidden"] = leaf.grad!.clone() };
        foreach (Weight weight in model.Weights)
        {
            if (weight.Value.grad is { } gradient) gradients[weight.Name] = gradient.clone();
        }
        return gradients;
    }
}
