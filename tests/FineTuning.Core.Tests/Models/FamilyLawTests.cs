using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>What must hold of every encoder with every head, whatever its numbers are.</summary>
public sealed class FamilyLawTests
{
    private const double Rounding = 2e-5;

    public static TheoryData<string, string> Cases() => ModelCase.All();

    public static TheoryData<string, string> TokenCases() => ModelCase.All("tokcls", "qa", "mlm");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Padding_changes_nothing(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        int[] lengths = data.Lengths;
        long pad = model.Trunk.Plan.PadTokenId ?? 0, extra = 9;
        Tensor Widen(Tensor tensor, Scalar filling) => nn.functional.pad(tensor, [0, extra], PaddingModes.Constant, filling.ToDouble());
        var wide = new TrunkInput(Widen(data.Ids, Held(pad)), data.Types is null ? null : Widen(data.Types, Held(0)), Widen(data.Mask.to(ScalarType.Int64), Held(0)).to(ScalarType.Bool));
        Tensor padded = ModelCase.Output(model, data.Input(), ForwardContext.Evaluation()), wider = ModelCase.Output(model, wide, ForwardContext.Evaluation());
        for (int row = 0; row < lengths.Length; row++)
        {
            Tensor Own(Tensor tensor) => tensor.narrow(0, row, 1).narrow(1, 0, lengths[row]);
            Tensor Row(Tensor output) => output.dim() == 3 ? Own(output) : output.narrow(0, row, 1);
            Tensor alone = ModelCase.Output(model, new(Own(data.Ids), data.Types is null ? null : Own(data.Types), null), ForwardContext.Evaluation());
            Near(alone, Row(padded), $"row {row} of {lengths[row]} tokens, padded to {data.Ids.shape[1]}");
            Near(alone, Row(wider), $"row {row} of {lengths[row]} tokens, padded to {data.Ids.shape[1] + extra}");
        }
    }

    /// <summary>Scores at places, and the gradients through them, are those of all scores taken at these places; a place may be asked for twice.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(TokenCases))]
    public void Scores_at_places_are_those_of_all(string family, string head)
    {
        AtPlaces(family, head, (lengths, tokens) => [.. lengths.SelectMany((length, row) => new[] { row * tokens, (row * tokens) + length - 1, (row * tokens) + (length / 2) }), 0]);
        AtPlaces(family, head, (lengths, tokens) => [.. lengths.SelectMany((length, row) => Enumerable.Range(0, length).Select(i => (row * tokens) + i)), 1]);
    }

    private static void AtPlaces(string family, string head, Func<int[], long, IEnumerable<long>> choose)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0 });
        long tokens = data.Ids.shape[1];
        Tensor places = tensor(choose(data.Lengths, tokens).ToArray(), ScalarType.Int64);
        Tensor all = model.Logits(data.Input(), ForwardContext.Evaluation()), some = model.LogitsAt(data.Input(), places, ForwardContext.Evaluation());
        Tensor chosen = all.reshape(-1, all.shape[2]).index_select(0, places);
        Near(chosen, some, "scores");
        using var generator = new Generator(4);
        Tensor factors = randn(chosen.shape, generator: generator);
        (chosen * factors).sum().backward();
        Dictionary<string, Tensor?> whole = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.grad?.clone());
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        (some * factors).sum().backward();
        foreach (Weight weight in model.Weights)
        {
            if (whole[weight.Name] is { } gradient) Near(gradient, weight.Value.grad!, weight.Name);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void The_order_of_rows_changes_nothing(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        var turned = new TrunkInput(data.Ids.flip(0), data.Types?.flip(0), data.Mask.flip(0));
        Tensor real = data.Mask.unsqueeze(2), forward = ModelCase.Output(model, data.Input(), ForwardContext.Evaluation());
        Tensor backward = ModelCase.Output(model, turned, ForwardContext.Evaluation()).flip(0);
        Near(forward.dim() == 3 ? forward * real : forward, backward.dim() == 3 ? backward * real : backward, "reversed");
    }

    /// <summary>A batch may be cut into micro-batches anywhere, each padded by itself: the gradients add up to those of the whole.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Gradients_of_parts_add_up_to_those_of_the_whole(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0 });
        int[] lengths = data.Lengths;
        using var generator = new Generator(9);
        Tensor factors;
        using (no_grad()) factors = randn(ModelCase.Output(model, data.Input(), ForwardContext.Evaluation()).shape, generator: generator);
        void Backward(int start, int count)
        {
            int longest = lengths.Skip(start).Take(count).Max();
            Tensor Cut(Tensor tensor) => tensor.narrow(0, start, count).narrow(1, 0, longest);
            Tensor output = ModelCase.Output(model, new(Cut(data.Ids), data.Types is null ? null : Cut(data.Types), Cut(data.Mask)), ForwardContext.For(null, Precision.Float32));
            Tensor product = output.dim() == 3 ? output * Cut(factors) * Cut(data.Mask).unsqueeze(2) : output * factors.narrow(0, start, count);
            product.sum().backward();
        }
        Backward(0, lengths.Length);
        Dictionary<string, Tensor?> whole = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.grad?.clone());
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        for (int start = 0; start < lengths.Length; start++) Backward(start, 1);
        foreach (Weight weight in model.Weights)
        {
            Assert.Equal(whole[weight.Name] is null, weight.Value.grad is null);
            if (whole[weight.Name] is { } gradient) Near(gradient, weight.Value.grad!, weight.Name);
        }
    }

    /// <summary>With a probability that drops nothing, training takes the explicit paths and must give what the fused ones give.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Training_computes_what_evaluation_computes(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 1e-12 });
        Tensor real = data.Mask.unsqueeze(2), training = ModelCase.Output(model, data.Input(), ForwardContext.For(new DropoutStream(1, 2, 3), Precision.Float32));
        Tensor evaluation;
        using (no_grad()) evaluation = ModelCase.Output(model, data.Input(), ForwardContext.Evaluation());
        Near(evaluation.dim() == 3 ? evaluation * real : evaluation, training.dim() == 3 ? training * real : training, "training");
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Half_precision_is_near_and_gives_float32_gradients(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 1e-12 });
        Tensor real = data.Mask.unsqueeze(2), exact = ModelCase.Output(model, data.Input(), ForwardContext.Evaluation()).detach();
        foreach (ForwardContext pass in new[] { ForwardContext.For(null, Precision.BFloat16), ForwardContext.For(new DropoutStream(1, 2, 3), Precision.BFloat16) })
        {
            Tensor rough = ModelCase.Output(model, data.Input(), pass);
            if (model.Kind != HeadKind.None) Assert.Equal(ScalarType.Float32, rough.dtype);
            Tensor difference = exact.dim() == 3 ? (exact - rough) * real : exact - rough;
            double relative = (difference.norm() / exact.norm()).to(ScalarType.Float64).item<double>();
            Assert.True(relative < 0.06, $"{relative:P1} apart");
            rough.Squared().sum().backward();
        }
        foreach (Weight weight in model.Weights) Assert.True(weight.Value.grad is not { } gradient || (gradient.dtype == ScalarType.Float32 && gradient.isfinite().all().item<bool>()), weight.Name);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Frozen_means_frozen(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.4 });
        Tensor real = data.Mask.unsqueeze(2);
        Tensor Loss(ForwardContext pass)
        {
            Tensor output = ModelCase.Output(model, data.Input(), pass);
            return (output.dim() == 3 ? output * real : output).Squared().sum();
        }
        Loss(ForwardContext.Evaluation()).backward();
        Dictionary<string, Tensor?> free = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.grad?.clone());
        foreach (Weight weight in model.Weights)
        {
            weight.Value.grad = null;
            weight.IsTrainable = weight.Depth >= 2;
        }
        Loss(ForwardContext.Evaluation()).backward();
        foreach (Weight weight in model.Weights)
        {
            if (weight.Depth < 2) Assert.True(weight.Value.grad is null, $"{weight.Name} is frozen and has a gradient");
            else if (free[weight.Name] is { } gradient) Near(gradient, weight.Value.grad!, weight.Name);
        }
        foreach (Weight weight in model.Weights) weight.IsTrainable = false;
        Tensor trained = Loss(ForwardContext.For(new DropoutStream(4, 5, 6), Precision.Float32));
        Assert.False(trained.requires_grad);
        Near(Loss(ForwardContext.Evaluation()), trained, "a frozen model drops nothing");
    }

    private static void Near(Tensor expected, Tensor found, string what)
    {
        Assert.Equal(expected.shape, found.shape);
        double difference = (expected - found).abs().max().to(ScalarType.Float64).item<double>();
        double bound = Rounding * Math.Max(1, expected.abs().max().to(ScalarType.Float64).item<double>());
        Assert.True(difference <= bound, $"{what}: {difference} apart; {bound} is allowed");
    }
}
