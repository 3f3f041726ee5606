using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Many adapters on one trunk: rows of one batch that ask for different ones, and changes while others predict.</summary>
public sealed class RowAdapterTests
{
    private static readonly string[] Texts = ["a good thing", "the bad one and more of it", "good", "bad thing here"];

    private static string Checkpoint => Goldens.Require("pipelines", "bert-classify");

    [Fact]
    public void Mixed_batches_equal_the_reference()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var own = new CombineCase();
        own.Adapters.UseNone();
        foreach (JsonProperty mixed in own.Expected.GetProperty("mixed_batches").EnumerateObject())
        {
            string?[] names = [.. mixed.Value.EnumerateArray().Select(name => name.GetString() is "__base__" ? null : name.GetString())];
            var requests = new AdapterRequests(own.Adapters, own.Head, names);
            RowAdapters rows = requests.Of([.. Enumerable.Range(0, names.Length)]);
            RowAdapters.Within(rows, () =>
            {
                own.Compare(mixed.Name);
                return 0;
            });
        }
        own.Adapters.Use("wide");
        own.Compare("logits.wide");
    }

    [Fact]
    public void Each_text_is_answered_as_by_its_adapter_alone()
    {
        using TextClassifier<string> model = Tuned();
        string?[] names = ["lora", null, "scaling", "biased"];
        var alone = new double[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            if (names[i] is { } name) model.UseAdapter(name);
            else model.WithoutAdapter();
            alone[i] = Of(model.Predict(Texts[i]));
        }
        Assert.Equal(4, alone.Distinct().Count());
        foreach (string? active in new[] { "lora", null })
        {
            if (active is null) model.WithoutAdapter();
            else model.UseAdapter(active);
            IReadOnlyList<Classification<string>> together = model.Adapters.Route(names, () => model.PredictBatch(Texts));
            for (int i = 0; i < names.Length; i++) Assert.Equal(alone[i], Of(together[i]), 5);
        }
    }

    [Fact]
    public void Names_that_do_not_fit_the_inputs_are_refused()
    {
        using TextClassifier<string> model = Tuned();
        Assert.Throws<ArgumentException>(() => model.Adapters.Route(["lora", null], () => model.PredictBatch(Texts)));
        Assert.Throws<ArgumentException>(() => model.Adapters.Route(["lora", null, null, null, null], () => model.PredictBatch(Texts)));
        Assert.Throws<KeyNotFoundException>(() => model.Adapters.Route(["none"], () => model.Predict(Texts[0])));
        model.Adapters.Add(Adapter.Norms(), "norms");
        Assert.Contains("norm", Assert.Throws<InvalidOperationException>(() => model.Adapters.Route(["lora"], () => model.Predict(Texts[0]))).Message,
            StringComparison.Ordinal);
        model.WithoutAdapter();
        Assert.Throws<InvalidOperationException>(() => model.Adapters.Route(["norms"], () => model.Predict(Texts[0])));
        Assert.NotNull(model.Adapters.Route(["lora"], () => model.Predict(Texts[0])));
    }

    [Fact]
    public async Task Adapters_come_and_go_while_others_are_asked()
    {
        using TextClassifier<string> model = Tuned();
        model.WithoutAdapter();
        double first = Of(model.Adapters.Route(["lora"], () => model.Predict(Texts[0]))), bare = Of(model.Predict(Texts[0]));
        using var stop = new CancellationTokenSource();
        int answers = 0;
        Task[] asking = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (; !stop.IsCancellationRequested; Interlocked.Increment(ref answers))
            {
                IReadOnlyList<Classification<string>> both = model.Adapters.Route(["lora", null], () => model.PredictBatch([Texts[0], Texts[0]]));
                Assert.Equal(first, Of(both[0]), 5);
                Assert.Equal(bare, Of(both[1]), 5);
            }
        }))];
        for (int i = 0; i < 25; i++)
        {
            int before = Volatile.Read(ref answers);
            model.Adapters.Add(Adapter.Lora(rank: 2), $"new {i}", use: false);
            Assert.Null(model.Adapters.Active);
            if (i > 0) model.Adapters.Remove($"new {i - 1}");
            SpinWait.SpinUntil(() => asking.Any(task => task.IsCompleted) || Volatile.Read(ref answers) > before);
        }
        await stop.CancelAsync();
        await Task.WhenAll(asking);
        Assert.Equal(["biased", "lora", "new 24", "scaling"], model.Adapters.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Prompts_of_one_batch_are_continued_by_their_adapters()
    {
        foreach (string name in new[] { "llama", "t5" })
        {
            using OutputHead head = OutputHead.Load(Goldens.Require("peft", "bases", name), name == "t5" ? HeadKind.SequenceToSequence
                : HeadKind.CausalLanguage);
            using var adapters = new ModelAdapters(head);
            foreach ((string adapter, long seed) in new[] { ("one", 1L), ("two", 2L) })
            {
                adapters.Add(Adapter.Lora(4).On(l => l.AllLinear()), adapter, seed);
                using var none = no_grad();
                foreach (Weight weight in adapters.Current!.Weights.Where(weight => weight.Name.Contains("lora_B"))) weight.Value.normal_();
            }
            EncoderRows? Encoder(params int[][] ids) => name == "t5" ? new(ids, null) : null;
            float[][] Alone(string? adapter, int[] prompt)
            {
                if (adapter is null) adapters.UseNone();
                else adapters.Use(adapter);
                using var source = new TrunkScoreSource(head, encoder: Encoder(prompt));
                return Steps(source, head.Outputs, [name == "t5" ? [0] : prompt], [[7], [9]], [[0], [0]]);
            }
            int[] first = [3, 4, 5], second = [8, 9, 6], third = [11, 12, 13];
            float[][] one = Alone("one", first), two = Alone("two", second), bare = Alone(null, third);
            adapters.UseNone();
            var requests = new AdapterRequests(adapters, head, ["one", "two", null]);
            using var mixed = new TrunkScoreSource(head, encoder: Encoder(first, second, third), requests: requests);
            // The rows change places after the first step.
            float[][] together = Steps(mixed, head.Outputs, name == "t5" ? [[0], [0], [0]] : [first, second, third], [[7, 7, 7], [9, 9, 9]],
                [[0, 1, 2], [2, 0, 1]]);
            for (int i = 0; i < 3; i++)
            {
                float[][] expected = new[] { one, two, bare }[i];
                int last = (i + 1) % 3;
                AdapterCase.Near(expected[0], Row(together[0], i, head.Outputs));
                AdapterCase.Near(expected[1], Row(together[1], i, head.Outputs));
                AdapterCase.Near(expected[2], Row(together[2], last, head.Outputs));
            }
        }
    }

    [Fact]
    public void A_change_of_adapter_in_the_middle_of_a_text_drops_what_was_kept()
    {
        foreach (string name in new[] { "llama", "t5" })
        {
            using OutputHead head = OutputHead.Load(Goldens.Require("peft", "bases", name), name == "t5" ? HeadKind.SequenceToSequence
                : HeadKind.CausalLanguage);
            using var adapters = new ModelAdapters(head);
            adapters.Add(Adapter.Lora(4).On(l => l.AllLinear()));
            using (no_grad())
            {
                foreach (Weight weight in adapters.Current!.Weights.Where(weight => weight.Name.Contains("lora_B"))) weight.Value.normal_();
            }
            EncoderRows? encoder = name == "t5" ? new([[5, 6, 1], [7, 8, 1]], null) : null;
            int[][] rows = name == "t5" ? [[0], [0]] : [[3, 4], [5, 6]];
            using var changed = new TrunkScoreSource(head, encoder: encoder);
            using var plain = new TrunkScoreSource(head, encoder: encoder, usesCache: false);
            float[] left = new float[2 * head.Outputs], right = new float[2 * head.Outputs];
            adapters.UseNone();
            changed.Start(rows, [0, 0], left);
            changed.Next([7, 8], [1, 1], left);
            adapters.Use("default");
            changed.Next([9, 10], [0, 1], left);
            plain.Start(rows, [0, 0], right);
            plain.Next([7, 8], [1, 1], right);
            plain.Next([9, 10], [0, 1], right);
            AdapterCase.Near(left, right);
        }
    }

    [Fact]
    public void Fifty_adapters_need_little_beside_one_model()
    {
        // The sizes of all-minilm-l6-v2.
        const string Config = """
            { "model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
              "max_position_embeddings": 512, "type_vocab_size": 2 }
            """;
        using OutputHead head = OutputHead.Create(Config, HeadKind.None);
        using var adapters = new ModelAdapters(head);
        long model = head.Weights.Sum(weight => weight.Own.numel());
        for (int i = 0; i < 50; i++) adapters.Add(Adapter.Lora(rank: 8).On(l => l.Named("query", "value")), $"{i}", use: false);
        long added = Enumerable.Range(0, 50).Sum(i => adapters.Find($"{i}").Weights.Sum(weight => weight.Own.numel()));
        Assert.InRange((double)(model + added) / model, 1.0, 1.2);
    }

    private static float[][] Steps(TrunkScoreSource source, int outputs, int[][] prompts, int[][] tokens, int[][] parents)
    {
        var all = new float[tokens.Length + 1][];
        for (int i = 0; i < all.Length; i++) all[i] = new float[prompts.Length * outputs];
        source.Start(prompts, new int[prompts.Length], all[0]);
        for (int i = 0; i < tokens.Length; i++) source.Next(tokens[i], parents[i], all[i + 1]);
        return all;
    }

    private static float[] Row(float[] scores, int row, int outputs) => scores[(row * outputs)..((row + 1) * outputs)];

    private static double Of(Classification<string> answer) => answer.Scores.First(score => score.Label == "good").Score;

    private static TextClassifier<string> Tuned()
    {
        TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoint, new() { Labels = ["bad", "good"], FreshHead = true });
        using var none = no_grad();
        long seed = 1;
        foreach ((string name, Adapter adapter) in new (string, Adapter)[]
        {
            ("lora", Adapter.Lora(4).On(l => l.AllLinear())), ("scaling", Adapter.Scaling()), ("biased", Adapter.Lora(2) with { HasBias = true }),
        })
        {
            model.Adapters.Add(adapter, name, seed);
            using var generator = new Generator((ulong)seed++);
            BuiltAdapter built = model.ActiveAdapter!;
            foreach (Tensor value in built.Weights.Select(weight => weight.Value).Concat(built.Wholes.Select(whole => whole.Value)))
            {
                using Tensor drawn = randn(value.shape, generator: generator);
                value.add_(drawn, FineTuning.Tensors.Scalars.Held(0.3));
            }
        }
        return model;
    }
}
