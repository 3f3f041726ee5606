using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tasks;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>Evaluation by generation: what is written is what the model's own methods write, and what is scored is what the metrics say of that.</summary>
public sealed class EvaluationSampleTests
{
    private static readonly SourceTarget[] Pairs =
    [
        new("I did not like it at all!", "not at all"), new("A gripping film.", "a film"), new("I did not like it at all!", "did not like it"),
        new("The film was good.", "good"), new("It was long.", "long"),
    ];

    private static readonly PromptCompletion[] Examples = [new("2015", " not the film"), new("The film", " is good"), new("A", " b c d")];

    private static readonly GenerationOptions Short = new() { MaxNewTokens = 8 };

    [Fact]
    public void Sources_that_are_equal_are_one_case_and_those_at_equal_distances_are_taken()
    {
        WritingCase[] cases = [.. Enumerable.Range(0, 10).Select(i => new WritingCase($"source {i}", "a", () => [i])), new("source 3", "b", () => [3]), new("source 3", "a", () => [3])];
        SampleWriting.Chosen[] all = SampleWriting.Choose(cases, 100);
        Assert.Equal(10, all.Length);
        Assert.Equal(["a", "b"], all[3].References);
        Assert.Equal(["source 0", "source 2", "source 5", "source 7"], SampleWriting.Choose(cases, 4).Select(one => one.Source));
        Assert.Empty(SampleWriting.Choose([], 4));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public void What_is_scored_is_what_the_model_writes(int batchSize)
    {
        using TextToText model = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"), new TextToTextOptions { Prefix = "shorten: " });
        model.AddMetric(TextMetric.Of(new Chrf()));
        model.AddMetric(TextMetric.Of(new Rouge(RougeKind.L)));
        model.AddMetric(TextMetric.Of(new Meteor()));
        model.AddMetric(TextMetric.ExactMatch());
        model.AddMetric(TextMetric.Mean("length", MetricDirection.Lower, (output, references) => output.Length + (10 * references.Count)));
        model.EvaluationSample = new() { Generation = Short, BatchSize = batchSize, Shown = 3 };
        MetricReport report = model.Evaluate(Pairs);
        string[] sources = [.. Pairs.Select(pair => pair.Source).Distinct()], outputs = [.. sources.Select(source => model.Generate(source, Short))];
        IReadOnlyList<string>[] references = [.. sources.Select(source => Pairs.Where(pair => pair.Source == source).Select(pair => pair.Target).ToArray())];
        Assert.Equal(new Chrf().Corpus(outputs, references), report["chrf"], 1e-9);
        Assert.Equal(outputs.Zip(references, (output, right) => new Rouge(RougeKind.L).Score(output, right).F1).Average(), report["rougeL"], 1e-12);
        Assert.Equal(outputs.Zip(references, (output, right) => new Meteor().Score(output, right)).Average(), report["meteor"], 1e-12);
        Assert.Equal(outputs.Average(output => (double)output.Length) + 12.5, report["length"], 1e-9);
        Assert.Equal(MetricDirection.Lower, report.Find("length")!.Direction);
        Assert.Equal(outputs.Zip(references, (output, right) => right.Contains(output) ? 1.0 : 0).Average(), report["exact_match"], 1e-12);
        Assert.Equal(3, report.Samples.Count);
        Assert.All(report.Samples, (sample, i) => Assert.Equal((sources[i], outputs[i]), (sample.Source, sample.Output)));
        Assert.Equal(["not at all", "did not like it"], report.Samples[0].References);
        Assert.Contains(report.Samples[1].ToString(), report.ToString(), StringComparison.Ordinal);
        // Without a metric of texts nothing is written, and the other numbers are the same.
        using TextToText silent = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"), new TextToTextOptions { Prefix = "shorten: " });
        MetricReport quiet = silent.Evaluate(Pairs);
        Assert.Empty(quiet.Samples);
        Assert.All(quiet.Values, pair => Assert.Equal(pair.Value, report[pair.Key]));
    }

    [Theory]
    [InlineData(PackingStrategy.None)]
    [InlineData(PackingStrategy.Whole)]
    public void The_best_weights_are_those_of_the_best_texts_also_packed(PackingStrategy packing)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), new LanguageModelOptions { Dropout = 0, Packing = packing });
        model.AddMetric(TextMetric.ExactMatch());
        model.AddMetric(TextMetric.Of(new Bleu(new() { EffectiveOrder = true })));
        model.EvaluationSample = new() { Generation = Short };
        var written = new List<(int Done, int All)>();
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Steps(80).BatchSize(3).ValidateOn([.. Examples, PromptCompletion.OfText("no prompt")])
            .EvaluateEvery(EvaluationInterval.Steps(10)).StopEarly(patience: 2, metric: "exact_match")
            .OnProgress(step => { if (step.TextsToWrite > 0) written.Add((step.TextsWritten, step.TextsToWrite)); })
            .Train(Examples);
        Assert.Equal("exact_match", result.Metric);
        Assert.Equal(1, result.Metrics!["exact_match"]);
        Assert.Equal(StopReason.StoppedEarly, result.StopReason);
        Assert.Equal(result.Evaluations.Max(entry => entry.Metrics["exact_match"]), result.Best!.Metrics["exact_match"]);
        Assert.Equal(result.Evaluations.Count, written.Count(entry => entry == (3, 3)));
        Assert.Equal([" not the film", " is good", " b c d"], result.Metrics.Samples.Select(sample => sample.Output));
        // Only the best and the last evaluation keep their texts.
        Assert.All(result.Evaluations, entry => Assert.Equal(ReferenceEquals(entry, result.Best) || ReferenceEquals(entry, result.Evaluations[^1]), entry.Metrics.Samples.Count > 0));
        Assert.Equal(result.Metrics["exact_match"], model.Evaluate(Examples)["exact_match"]);
        string page = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.html");
        result.SaveReport(page);
        string html = File.ReadAllText(page);
        File.Delete(page);
        Assert.Contains("<td>2015</td><td> not the film</td><td> not the film</td>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_conversation_is_written_as_Reply_does_and_sources_are_escaped()
    {
        Conversation[] chats = [new([new("user", "What is in <b>?"), new("assistant", "a city")]), new([new("user", "ok"), new("assistant", "I say ok"), new("user", "and?"), new("assistant", "no")])];
        using ChatModel model = Pretrained.ChatModel(Goldens.Require("pipelines", "llama-chat"));
        model.AddMetric(TextMetric.ExactMatch());
        model.EvaluationSample = new() { Generation = Short };
        MetricReport report = model.Evaluate([.. chats, new([new("user", "a question alone"), new("assistant", "x"), new("user", "y")])]);
        Assert.Equal(chats.Select(chat => model.Reply([.. chat.Turns.SkipLast(1)], Short)), report.Samples.Select(sample => sample.Output));
        Assert.Equal("user: ok\nassistant: I say ok\nuser: and?", report.Samples[1].Source);
        TrainingResult result = FineTuner.For(model).Steps(1).ValidateOn(chats).Train(chats);
        string page = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.html");
        result.SaveReport(page);
        string html = File.ReadAllText(page);
        File.Delete(page);
        Assert.Contains("user: What is in &lt;b&gt;?", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_evaluations_write_the_same_also_where_tokens_are_drawn()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        model.AddMetric(TextMetric.Of(new Chrf()));
        model.EvaluationSample = new() { Generation = Short with { DoSample = true, Seed = 5, EosTokenId = [] } };
        MetricReport one = model.Evaluate(Examples), other = model.Evaluate(Examples);
        Assert.Equal(one.Samples.Select(sample => sample.Output), other.Samples.Select(sample => sample.Output));
        Assert.Contains(one.Samples, sample => sample.Output.Length > 0);
    }

    [Fact]
    public void It_can_be_cancelled_between_two_batches()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        model.AddMetric(TextMetric.ExactMatch());
        model.EvaluationSample = new() { Generation = Short, BatchSize = 1 };
        using var stop = new CancellationTokenSource();
        var seen = new List<int>();
        Assert.ThrowsAny<OperationCanceledException>(() => model.Evaluate(Examples, new Told(progress =>
        {
            if (progress.TextsToWrite == 0) return;
            seen.Add(progress.TextsWritten);
            stop.Cancel();
        }), stop.Token));
        Assert.Equal([1], seen);
    }

    [Fact]
    public void What_cannot_be_written_is_refused_before_the_first_step()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        model.AddMetric(TextMetric.ExactMatch());
        Assert.Contains("something to write from", Assert.Throws<TrainingDataException>(() => model.Evaluate([PromptCompletion.OfText("plain")])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => model.EvaluationSample = new() { Generation = new() { Temperature = -1, DoSample = true } });
        InvalidOptionsException wrong = Assert.Throws<InvalidOptionsException>(() => model.EvaluationSample = new() { Count = 0, BatchSize = 0, Shown = -1 });
        Assert.Equal(3, wrong.Violations.Count);
        Assert.Throws<InvalidOptionsException>(() => model.AddMetric(UserMetric.Of<int, int>("wrong", MetricDirection.Higher, (_, _) => 0)));
    }

    private sealed class Told(Action<EvaluationProgress> handler) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => handler(value);
    }
}
