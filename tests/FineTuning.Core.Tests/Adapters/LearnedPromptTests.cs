using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Learned prompts beside what the goldens say: generation, runs, and models that have no room for them.</summary>
public sealed class LearnedPromptTests
{
    private static readonly LabeledText<string>[] Data =
        [.. Enumerable.Range(0, 12).Select(i => new LabeledText<string>(i % 2 == 0 ? $"a good thing number {i}" : $"the bad one {i}", i % 2 == 0 ? "good"
            : "bad"))];

    public static TheoryData<string, string> Methods(string? without = null)
    {
        var cases = new TheoryData<string, string>();
        foreach (string model in new[] { "llama", "gpt2", "t5", "llama-tied" }.Where(model => model != without))
        {
            foreach (string method in new[] { "prompt", "encoded", "prefix" }) cases.Add(model, method);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Scores_with_a_cache_equal_those_without_one(string model, string method)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead head = Load(model);
        using var adapters = new ModelAdapters(head);
        adapters.Add(Of(method));
        bool reads = head.Trunk.Plan.Encoder is not null;
        EncoderRows? encoder = reads ? new([[5, 6, 7, 1], [8, 9, 1, 0]], [[true, true, true, true], [true, true, true, false]]) : null;
        int[][] rows = reads ? [[0], [0]] : [[3, 4, 5, 6], [0, 0, 9, 8]];
        int[] padding = reads ? [0, 0] : [0, 2];
        using var cached = new TrunkScoreSource(head, encoder: encoder);
        using var whole = new TrunkScoreSource(head, encoder: encoder, usesCache: false);
        (float[] left, float[] right) = (new float[2 * head.Outputs], new float[2 * head.Outputs]);
        cached.Start(rows, padding, left);
        whole.Start(rows, padding, right);
        AdapterCase.Near(left, right);
        foreach ((int[] tokens, int[] parents) in new[] { (new[] { 7, 11 }, new[] { 0, 1 }), ([12, 13], [1, 0]), ([14, 15], [0, 0]) })
        {
            cached.Next(tokens, parents, left);
            whole.Next(tokens, parents, right);
            AdapterCase.Near(left, right);
        }
        float[] bare = new float[2 * head.Outputs];
        adapters.UseNone();
        cached.Start(rows, padding, bare);
        whole.Start(rows, padding, right);
        AdapterCase.Near(bare, right);
        Assert.False(left.SequenceEqual(bare));
    }

    [Theory]
    [MemberData(nameof(Methods), "t5")]
    public void A_padded_row_scores_as_it_does_alone(string model, string method)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead head = Load(model);
        using var adapters = new ModelAdapters(head);
        adapters.Add(Of(method));
        Tensor Row(params long[] ids) => tensor(ids, [1, ids.Length]);
        Tensor alone = head.Logits(new TrunkInput(Row(9, 8, 7)), ForwardContext.Evaluation());
        Tensor mask = tensor(new[] { true, true, true, false, false }, [1, 5]);
        Tensor padded = head.Logits(new TrunkInput(Row(9, 8, 7, 0, 0), null, mask), ForwardContext.Evaluation());
        Assert.InRange(AdapterCase.Apart(padded.narrow(1, 0, 3), alone), 0, 1e-5);
        Tensor at = head.LogitsAt(new TrunkInput(Row(9, 8, 7)), tensor(new[] { 2L }), ForwardContext.Evaluation());
        Assert.InRange(AdapterCase.Apart(at.squeeze(0), alone.select(1, 2).squeeze(0)), 0, 1e-5);
    }

    [Theory]
    [InlineData("prompt")]
    [InlineData("encoded")]
    [InlineData("prefix")]
    [InlineData("lstm")]
    public void A_run_learns_and_what_is_saved_opens_again(string method)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Goldens.Require("pipelines", "bert-classify"),
            new() { Labels = ["bad", "good"], FreshHead = true });
        TrainingResult result = FineTuner.For(model).WithAdapter(Of(method)).WithOptimizer(Optimizer.AdamW(learningRate: 2e-2)).Epochs(6).Train(Data);
        Assert.True(result.History[^1].Loss < result.History[0].Loss, $"{result.History[^1].Loss} after {result.History[0].Loss}");
        Classification<string> tuned = model.Predict(Data[0].Text);
        DirectoryInfo target = Directory.CreateTempSubdirectory("prompt");
        try
        {
            string folder = Path.Combine(target.FullName, "tuned");
            model.SaveAdapter(folder);
            using TextClassifier<string> other = Pretrained.TextClassifier<string>(Goldens.Require("pipelines", "bert-classify"),
                new() { Labels = ["bad", "good"], FreshHead = true });
            other.LoadAdapter(folder);
            Assert.Equal(tuned.Confidence, other.Predict(Data[0].Text).Confidence, 6);
        }
        finally
        {
            target.Delete(recursive: true);
        }
        Assert.Contains("merged", Assert.Throws<InvalidOperationException>(() => model.Adapters.Merge()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_that_leaves_no_room_is_refused()
    {
        using var scope = NewDisposeScope();
        using OutputHead head = Load("gpt2");
        using var adapters = new ModelAdapters(head);
        int positions = head.Trunk.Plan.MaximumTokens!.Value;
        adapters.Add(Adapter.Prompt(4));
        Tensor ids = zeros([1, positions - 3], ScalarType.Int64);
        Assert.Contains("positions", Assert.Throws<ArgumentException>(() => head.Logits(new TrunkInput(ids), ForwardContext.Evaluation())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_out_of_range_are_all_named()
    {
        using OutputHead head = Load("llama");
        using var adapters = new ModelAdapters(head);
        InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() =>
            adapters.Add(new EncodedPromptAdapter { TokenCount = 0, HiddenSize = 0, LayerCount = 99, Dropout = 1 }));
        Assert.Equal(4, fault.Violations.Count);
        Assert.Throws<InvalidOptionsException>(() => adapters.Add(new PrefixAdapter { ProjectionSize = -1 }));
    }

    private static Adapter Of(string method) => method switch
    {
        "prompt" => Adapter.Prompt(3),
        "encoded" => Adapter.EncodedPrompt(3) with { HiddenSize = 8 },
        "lstm" => Adapter.EncodedPrompt(3) with { HiddenSize = 8, Encoder = PromptEncoder.Lstm },
        _ => Adapter.Prefix(3) with { ProjectionSize = 8 },
    };

    private static OutputHead Load(string model)
    {
        string folder = Goldens.Require("peft", "bases", model);
        return OutputHead.Load(folder, model == "t5" ? HeadKind.SequenceToSequence : HeadKind.CausalLanguage);
    }
}
