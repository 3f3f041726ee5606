using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Heads on one trunk, passes over some of its layers, and its modules by the checkpoint's names.</summary>
public sealed class TrunkTests
{
    private static readonly string Starter = Goldens.Starter;

    public static TheoryData<string, string> Cases() => ModelCase.All();

    public static TheoryData<string, string> FromGoldens() => ModelCase.FromGoldens();

    [Fact]
    public void Two_heads_on_one_trunk_share_its_memory_and_outlive_its_loader()
    {
        TextClassifier<bool> complaints;
        TokenClassifier names;
        Weight[] trunkWeights;
        using (Trunk trunk = Pretrained.Trunk(Starter, new ModelLoadOptions { Dropout = 0 }))
        {
            trunkWeights = [.. trunk.Weights];
            complaints = Pretrained.TextClassifier<bool>(trunk);
            names = Pretrained.TokenClassifier(trunk, ["PER"]);
            Assert.Same(trunk, complaints.Trunk);
            Assert.Same(trunk, names.Trunk);
        }
        using (complaints)
        {
            using (names)
            {
                Assert.All(trunkWeights, weight => Assert.Same(weight, complaints.Weights.Find(weight.Name)));
                Assert.All(trunkWeights, weight => Assert.Same(weight, names.Weights.Find(weight.Name)));
                Assert.NotSame(complaints.Weights.Find("head.output.weight"), names.Weights.Find("head.output.weight"));
                Assert.Equal(trunkWeights.Length, complaints.Weights.Intersect(names.Weights).Count());
                float[] before = Scores(names), head = [.. names.Weights.Find("head.output.weight")!.Value.flatten().data<float>()];
                FineTuner.For(complaints).Epochs(1).Train([new("please help me", true), new("all is well", false), new("it is broken", true), new("thank you", false)]);
                Assert.NotEqual(before, Scores(names));
                Assert.Equal(head, names.Weights.Find("head.output.weight")!.Value.flatten().data<float>().ToArray());
            }
            // The other head's weights are gone, the trunk's are not.
            Assert.All(trunkWeights, weight => Assert.False(weight.Value.IsInvalid));
            Assert.True(double.IsFinite(complaints.Predict("thank you").Scores[0].Score));
        }
        Assert.All(trunkWeights, weight => Assert.True(weight.Value.IsInvalid));
    }

    [Fact]
    public void A_trunk_whose_last_holder_is_gone_takes_no_head()
    {
        Trunk trunk = Pretrained.Trunk(Starter);
        trunk.Dispose();
        trunk.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Pretrained.TextRegressor(trunk));
    }

    [Fact]
    public void A_head_that_the_family_does_not_have_is_refused_by_name()
    {
        using Trunk trunk = Trunk.Load(Starter);
        CheckpointException refusal = Assert.Throws<CheckpointException>(() => OutputHead.On(trunk, HeadKind.CausalLanguage));
        Assert.Contains("causal language", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("masked language", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer", Assert.Throws<ArgumentException>(() => Pretrained.TextRegressor(trunk)).Message, StringComparison.Ordinal);
    }

    /// <summary>A head that is put on a loaded trunk finds its tensors in the trunk's folder, and gives what the model gives that was loaded whole.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FromGoldens))]
    public void A_head_on_a_trunk_is_the_model_loaded_whole(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead whole = data.Load();
        using Trunk trunk = Trunk.Load(data.Folder);
        using OutputHead put = OutputHead.On(trunk, data.Head, Math.Max(1, whole.Outputs));
        Assert.Empty(put.LoadReport.Fresh);
        Assert.Equal(whole.LoadReport.Mapped.Order(StringComparer.Ordinal), put.LoadReport.Mapped.Order(StringComparer.Ordinal));
        Assert.Equal(whole.LoadReport.Ignored, put.LoadReport.Ignored);
        TrunkInput input = head == "seq2seq" ? new(data.Ids) { Source = data.Input() } : data.Input();
        Assert.True(ModelCase.Output(whole, input, ForwardContext.Evaluation()).eq(ModelCase.Output(put, input, ForwardContext.Evaluation())).all().item<bool>());
    }

    /// <summary>Every matrix of a linear layer in every checkpoint is found by its module's name, with its own rows of what is stacked in memory.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FromGoldens))]
    public void Every_linear_of_a_checkpoint_is_found_by_its_name(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        using ITensorSource source = CheckpointFiles.Open(data.Folder);
        int found = 0;
        foreach (string name in model.LoadReport.Mapped.Where(name => source.Tensors[name].Shape.Count == 2 && name.EndsWith(".weight", StringComparison.Ordinal)))
        {
            string spelled = model.Trunk.Model.Names.Normalize(name), path = spelled[..^".weight".Length];
            if (model.Trunk.Modules.FindTable(path) is { } table)
            {
                Assert.True(table.Weight.Value.eq(source.Read(name)).all().item<bool>(), name);
                continue;
            }
            if (path.EndsWith("relative_attention_bias", StringComparison.Ordinal) || path.EndsWith("rel_embeddings", StringComparison.Ordinal)) continue;
            LinearModule? module = model.Trunk.Modules.FindLinear(path) ?? model.Modules.FindLinear(path);
            Assert.True(module is not null, $"no linear layer is called '{path}'");
            Tensor rows = ((DenseMatrix)module.Linear.Matrix).Weight.Value.narrow(0, module.Start, module.Length);
            Assert.True(module.Layout.ToFile(rows).eq(source.Read(name)).all().item<bool>(), name);
            found++;
        }
        Assert.True(found > 0);
    }

    /// <summary>An adapter that is attached by a module's name changes that module's product alone, also where the module is stacked with others, and where only some rows are computed.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FromGoldens))]
    public void An_adapter_is_attached_by_name_and_equals_a_changed_matrix(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var generator = new Generator(5);
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        TrunkInput input = head == "seq2seq" ? new(data.Ids) { Source = data.Input() } : data.Input();
        Tensor before = ModelCase.Output(model, input, ForwardContext.Evaluation());
        foreach (LinearModule module in model.Trunk.Modules.Linears)
        {
            Tensor change = randn([module.Length, module.Inputs], generator: generator) * Held(0.1);
            Tensor matrix = ((DenseMatrix)module.Linear.Matrix).Weight.Value.narrow(0, module.Start, module.Length);
            matrix.add_(change, Held(1));
            Tensor expected = ModelCase.Output(model, input, ForwardContext.Evaluation());
            matrix.add_(change, Held(-1));
            module.Linear.Attach(module, new Added(change));
            Tensor found = ModelCase.Output(model, input, ForwardContext.Evaluation());
            module.Linear.Detach(module);
            double bound = 2e-4 * Math.Max(1, expected.abs().max().item<float>());
            Assert.True((expected - found).abs().max().item<float>() <= bound, module.Path);
        }
        Assert.True((before - ModelCase.Output(model, input, ForwardContext.Evaluation())).abs().max().item<float>() < 1e-4);
    }

    /// <summary>Layers up to a border and then from it on give what all give at once, for each border, with the same dropout.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Layers_in_two_passes_are_those_in_one(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.3 });
        TrunkInput input = ModelCase.ForTrunk(model, data.Input());
        foreach (Func<ForwardContext> pass in new Func<ForwardContext>[] { () => ForwardContext.Evaluation(), () => ForwardContext.For(new DropoutStream(1, 2, 3), Precision.Float32) })
        {
            Tensor whole = model.Trunk.Hidden(input, pass());
            for (int border = 0; border <= model.Trunk.Plan.Top.Layers.Count; border++)
            {
                Tensor lower = model.Trunk.Hidden(input, pass(), WantedStates.All, ..border);
                Tensor both = model.Trunk.Hidden(new(input.Ids, data.Types, data.Mask) { States = lower, Source = input.Source }, pass(), WantedStates.All, border..);
                Assert.True(whole.eq(both).all().item<bool>(), $"border {border}");
            }
        }
        Assert.Throws<ArgumentException>(() => model.Trunk.Hidden(input, ForwardContext.Evaluation(), WantedStates.All, 1..));
    }

    /// <summary>A layer that is computed again from its inputs gives the same output, with the same dropout, and the same gradients.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void A_pass_that_is_computed_again_drops_the_same(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0.3 });
        ForwardContext pass = ForwardContext.For(new DropoutStream(1, 2, 3), Precision.Float32);
        Tensor first = ModelCase.Output(model, data.Input(), pass), again = ModelCase.Output(model, data.Input(), pass);
        Assert.True(first.eq(again).all().item<bool>());
        Tensor other = ModelCase.Output(model, data.Input(), ForwardContext.For(new DropoutStream(1, 2, 4), Precision.Float32));
        Assert.False(first.eq(other).all().item<bool>());
    }

    /// <summary>A frozen trunk in bfloat16 takes half the memory, computes near what it did, and its head trains.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FromGoldens))]
    public void A_trunk_may_be_kept_frozen_in_bfloat16(string family, string head)
    {
        if (head == "base") Assert.Skip("there is nothing to train");
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead whole = data.Load();
        using Trunk trunk = Trunk.Load(data.Folder, new ModelLoadOptions { FrozenPrecision = Precision.BFloat16 });
        using OutputHead put = OutputHead.On(trunk, data.Head, Math.Max(1, whole.Outputs));
        Assert.All(trunk.Weights, weight => Assert.Equal((ScalarType.BFloat16, false, false), (weight.Value.dtype, weight.IsTrainable, weight.CanTrain)));
        Weight[] own = [.. put.Weights.Skip(trunk.Weights.Count)];
        // BART's offset of the scores never trains.
        Assert.All(own, weight => Assert.Equal((ScalarType.Float32, weight.Name != "head.output_bias.bias" || head == "mlm"), (weight.Value.dtype, weight.IsTrainable)));
        TrunkInput input = head == "seq2seq" ? new(data.Ids) { Source = data.Input() } : data.Input();
        Tensor exact = ModelCase.Output(whole, input, ForwardContext.Evaluation()).detach();
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            Tensor rough = ModelCase.Output(put, input, ForwardContext.Evaluation(precision));
            Tensor real = rough.dim() == 3 ? data.Mask.unsqueeze(2) : ones(1);
            double relative = (((exact - rough) * real).norm() / (exact * real).norm()).item<float>();
            Assert.True(relative < 0.08, $"{precision}: {relative:P1} apart");
            if (!own.Any(weight => weight.IsTrainable)) continue;
            rough.sum().backward();
            Assert.All(own, weight => Assert.Equal(weight.IsTrainable, weight.Value.grad is not null));
        }
        Assert.All(trunk.Weights, weight => Assert.Null(weight.Value.grad));
    }

    /// <summary>What a frozen trunk gets added trains and drops, at the depth where it stands.</summary>
    [Fact]
    public void Weights_that_are_added_later_count_where_they_stand()
    {
        using var trunk = Trunk.Load(Starter);
        foreach (Weight weight in trunk.Weights) weight.IsTrainable = false;
        Assert.True(trunk.Weights.IsFrozen(2));
        trunk.Weights.Add("adapter.1", zeros(2, 2), WeightKind.Matrix, 2);
        Assert.False(trunk.Weights.IsFrozen(2));
        Assert.True(trunk.Weights.IsFrozen(1));
        trunk.Weights.Add("codes", zeros([2, 2], ScalarType.Int8), WeightKind.Matrix, 1);
        Assert.True(trunk.Weights.IsFrozen(1));
    }

    /// <summary>The mask by tensor operations, as a GPU makes it, is that of the processor to the bit.</summary>
    [Theory]
    [InlineData(0.1, 1000, 0UL)]
    [InlineData(0.5, 65536 + 7, 0xFFFFFFFFFFFFFFFFUL)]
    [InlineData(0.9, 300, 0x123456789ABCDEF0UL)]
    public void Masks_by_tensor_operations_are_the_same_to_the_bit(double probability, int count, ulong key)
    {
        using var scope = NewDisposeScope();
        var expected = new float[count];
        DropoutMask.Fill(expected, key, probability);
        Assert.Equal(expected, DropoutMask.OnDevice([count], key, probability, CPU).data<float>().ToArray());
    }

    /// <summary>A layer's inputs that carry gradients can be taken out and put back, so that a layer that is computed again gives them theirs.</summary>
    [Fact]
    public void What_carries_gradients_into_a_layer_can_be_replaced()
    {
        using var scope = NewDisposeScope();
        var input = new AttentionInput { Bias = zeros(1), Memory = zeros(2), Relative = new(zeros(3), zeros(4)) };
        AttentionInput other = input.WithDifferentiable([.. input.Differentiable().Select(tensor => tensor.Plus(1.0))]);
        Assert.Equal([1, 1, 2, 1, 1, 1], [other.Bias!.item<float>(), other.Memory![0].item<float>(), other.Memory.shape[0], other.Relative!.Vectors[0].item<float>(), .. other.Relative.Vectors[1..].data<float>()]);
        Assert.Empty(new AttentionInput().Differentiable());
    }

    private static float[] Scores(TokenClassifier model) => [.. model.Tag("please", "help", "me").Words.Select(word => (float)word.Score)];

    private sealed class Added(Tensor change) : ILinearAdapter
    {
        public Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context) =>
            product.Plus(nn.functional.linear(input, change.narrow(0, start, count)));
    }
}
