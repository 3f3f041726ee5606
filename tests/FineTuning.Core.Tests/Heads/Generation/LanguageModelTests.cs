using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>What must hold of models that write text, whatever their numbers are.</summary>
public sealed class LanguageModelTests : IDisposable
{
    private static readonly PromptCompletion[] Examples =
    [
        new("The film was", " good."), new("2015 was", " a year of the long kind"), new("I did", " not") { Weight = 2 }, PromptCompletion.OfText("It is what it is."), new("A", " b c d e f"),
    ];

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"language-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("gpt2-generate", PackingStrategy.Whole)]
    [InlineData("gpt2-generate", PackingStrategy.PaddingFree)]
    [InlineData("llama-chat", PackingStrategy.Whole)]
    [InlineData("llama-chat", PackingStrategy.PaddingFree)]
    public void Packed_is_unpacked_and_one_batch_is_many(string name, PackingStrategy packing)
    {
        string folder = Goldens.Require("pipelines", name);
        (double loss, double count, Tensor gradient) alone = Pass(folder, PackingStrategy.None, 1), padded = Pass(folder, PackingStrategy.None, 5), packed = Pass(folder, packing, 5);
        foreach ((double loss, double count, Tensor gradient) other in new[] { padded, packed })
        {
            Assert.Equal(alone.count, other.count, 1e-9);
            Assert.Equal(alone.loss, other.loss, 1e-4 * alone.loss);
            double difference = (alone.gradient - other.gradient).abs().max().Number(), largest = alone.gradient.abs().max().Number();
            Assert.True(largest > 0 && difference <= 1e-4 * largest, $"the gradients differ by {difference} of {largest}");
        }
    }

    private static (double Loss, double Count, Tensor Gradient) Pass(string folder, PackingStrategy packing, int size)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { Packing = packing, Dropout = 0, LabelSmoothing = 0.1 });
        using var scope = NewDisposeScope();
        var report = new EncodingReport();
        IReadOnlyList<EncodedRow> rows = model.PrepareRows([.. Examples.Select(example => model.Encode(example, report)!)]);
        double loss = 0, count = 0;
        for (int start = 0; start < rows.Count; start += size)
        {
            EncodedRow[] some = [.. rows.Skip(start).Take(size)];
            Batch batch = model.Collate(some, some.Max(row => row.Length));
            loss += model.AddGradients(batch, ForwardContext.Evaluation());
            count += batch.TargetCount;
        }
        return (loss, count, model.Weights.First(weight => weight.Value.dim() == 2).Value.grad!.clone().MoveToOuterDisposeScope());
    }

    [Fact]
    public async Task A_stream_is_the_text_and_ends_with_its_reader()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        var options = new GenerationOptions { MaxNewTokens = 20, DoSample = true, Seed = 7 };
        string whole = model.Generate("The film", options), streamed = "";
        await foreach (string piece in model.GenerateStreamingAsync("The film", options)) streamed += piece;
        Assert.Equal(whole, streamed);
        Assert.True(whole.Length > 5);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (string piece in model.GenerateStreamingAsync("The film", options, stop.Token)) await stop.CancelAsync();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => model.Generate("The film", options, stop.Token));
        Assert.Throws<InvalidOptionsException>(() => model.GenerateStreamingAsync("The film", new() { NumBeams = 2 }));
    }

    [Fact]
    public async Task Who_waits_between_two_pieces_holds_nothing()
    {
        CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        await using IAsyncEnumerator<string> pieces = model.GenerateStreamingAsync("The film", new() { MaxNewTokens = 59, EosTokenId = [] }).GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        // The stream goes on by itself until its queue is full; disposal waits for one pass at most.
        model.Dispose();
        Exception? failure = await Record.ExceptionAsync(async () =>
        {
            while (await pieces.MoveNextAsync())
            {
            }
        });
        Assert.True(failure is null or ObjectDisposedException, failure?.ToString());
        Assert.Throws<ObjectDisposedException>(() => model.Generate("The film"));
        Assert.Throws<ObjectDisposedException>(() => model.GenerateStreamingAsync("The film"));
    }

    [Fact]
    public void Texts_that_are_learned_are_written_again_also_by_the_saved_model()
    {
        PromptCompletion[] examples = [new("2015", " not the film"), new("The film", " is good")];
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), new LanguageModelOptions { Dropout = 0 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(60).BatchSize(2).ValidateOn(examples).Train(examples);
        Assert.True(result.Metrics!["token_accuracy"] == 1 && result.Metrics["perplexity"] < 1.5, result.Metrics.ToString());
        var options = new GenerationOptions { MaxNewTokens = 20 };
        string[] own = [.. model.GenerateBatch(["2015", "The film"], options).Select(texts => texts[0].Text)];
        Assert.Equal([" not the film", " is good"], own);
        Assert.All(model.GenerateBatch(["2015", "The film"], options), texts => Assert.Equal(FinishReason.EndToken, texts[0].Reason));
        model.Save(_folder);
        Assert.True(File.Exists(Path.Combine(_folder, "generation_config.json")));
        using CausalLanguageModel opened = Pretrained.CausalLanguageModel(_folder);
        Assert.Equal(own, opened.PredictBatch(["2015", "The film"]));
        Assert.Equal(model.GenerationDefaults.EosTokenId, opened.GenerationDefaults.EosTokenId);
        Assert.Equal(own[0], opened.Generate("2015", options with { UseCache = false }));
        // Where the best token is that clear, half the digits are enough.
        using CausalLanguageModel half = Pretrained.CausalLanguageModel(_folder, new LanguageModelOptions { Precision = Precision.BFloat16 });
        Assert.Equal(own, half.PredictBatch(["2015", "The film"]));
        double perplexity = opened.Perplexity(["2015 not the film"], stride: 8)["perplexity"];
        Assert.InRange(perplexity, 1, 100);
    }

    [Fact]
    public void Answers_that_are_learned_are_given_again()
    {
        Conversation[] chats =
        [
            new([new("user", "What is in 北京?"), new("assistant", "a city")]), new([new("system", "You are brief."), new("user", "ok"), new("assistant", "I say ok")]),
        ];
        using ChatModel model = Pretrained.ChatModel(Goldens.Require("pipelines", "llama-chat"), new LanguageModelOptions { Packing = PackingStrategy.Whole });
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(60).BatchSize(2).Train(chats);
        foreach (Conversation chat in chats)
        {
            Assert.Equal(chat.Turns[^1].Content, model.Reply([.. chat.Turns.SkipLast(1)], new() { MaxNewTokens = 20 }));
        }
    }

    [Fact]
    public void Targets_that_are_learned_are_written_again_also_by_the_saved_model()
    {
        SourceTarget[] pairs = [new("I did not like it at all!", "not at all"), new("A gripping film.", "a film")];
        using TextToText model = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"), new TextToTextOptions { Prefix = "shorten: ", Dropout = 0 });
        TrainingResult result = FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 5e-3)).Epochs(80).BatchSize(2).ValidateOn(pairs).Train(pairs);
        Assert.True(result.Metrics!["token_accuracy"] == 1, result.Metrics.ToString());
        Assert.Equal("not at all", model.Summarize(pairs[0].Source));
        model.Save(_folder);
        using TextToText opened = Pretrained.TextToText(_folder, new TextToTextOptions { Prefix = "shorten: " });
        Assert.Equal(["not at all", "a film"], opened.PredictBatch([.. pairs.Select(pair => pair.Source)]));
    }

    [Fact]
    public void What_cannot_work_is_said_before_training()
    {
        string classifier = Goldens.Require("pipelines", "bert-classify"), writer = Goldens.Require("pipelines", "gpt2-generate"), chat = Goldens.Require("pipelines", "llama-chat");
        Assert.Contains("causal language", Assert.Throws<CheckpointException>(() => Pretrained.CausalLanguageModel(classifier)).Message, StringComparison.Ordinal);
        Assert.Contains("AddChatFormat", Assert.Throws<CheckpointException>(() => Pretrained.ChatModel(writer)).Message, StringComparison.Ordinal);
        Assert.Contains("no head", Assert.Throws<CheckpointException>(() => Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "llama-classify"))).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => Pretrained.TextToText(writer));
        InvalidOptionsException all = Assert.Throws<InvalidOptionsException>(() => Pretrained.ChatModel(chat, new LanguageModelOptions { LabelSmoothing = 1, MaximumLength = 1, Dropout = -1 }));
        Assert.Equal(3, all.Violations.Count);
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(writer);
        string longer = string.Concat(Enumerable.Repeat("film ", 100));
        Assert.Contains("positions", Assert.Throws<InvalidOptionsException>(() => model.Generate(longer)).Message, StringComparison.Ordinal);
        TrainingDataException lost = Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([new("a", "b"), new(longer, " end")]));
        Assert.Contains("record 1", lost.Message, StringComparison.Ordinal);
        Assert.NotNull(model.Generate("", new() { MaxNewTokens = 2 }));
        Assert.Throws<InvalidOptionsException>(() => model.Generate("", new() { BosTokenId = -1 }));
        Assert.Throws<InvalidOptionsException>(() => model.Generate("", new() { BosTokenId = int.MaxValue }));
        using TextToText translator = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"));
        Assert.Throws<InvalidOptionsException>(() => translator.Generate("a", new() { DecoderStartTokenId = int.MaxValue }));
        using ChatModel replies = Pretrained.ChatModel(chat);
        Assert.Throws<ArgumentException>(() => replies.Reply([]));
    }
}
