using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The code of docs/generation.md, on small checkpoints of the goldens.</summary>
public sealed class GenerationPageTests : IDisposable
{
    private readonly string output = Path.Combine(Path.GetTempPath(), $"generation-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(output)) Directory.Delete(output, recursive: true);
    }

    private string Written(string name, string content)
    {
        Directory.CreateDirectory(output);
        string file = Path.Combine(output, name);
        File.WriteAllText(file, content);
        return file;
    }

    [Fact]
    public async Task Texts()
    {
        string checkpoint = Goldens.Require("pipelines", "gpt2-generate");
        CancellationToken cancellation = CancellationToken.None;
        // snippet: completions
        using var model = Pretrained.CausalLanguageModel(checkpoint, new LanguageModelOptions { Packing = PackingStrategy.Whole });

        PromptCompletion[] examples =
        [
            new("The film was", " good."),                       // the completion is learned, with the token that ends a text
            PromptCompletion.OfText("A plain text of the domain."),
        ];
        TrainingResult result = FineTuner.For(model)
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-3))
            .Epochs(2).BatchSize(8)
            .ValidateOn(examples)
            .Train(examples);

        double perplexity = result.Metrics!["perplexity"], right = result.Metrics["token_accuracy"];
        model.Save(output);                                      // with generation_config.json
        // end
        string larger = checkpoint;
        // snippet: distillation
        using var teacher = Pretrained.CausalLanguageModel(larger);
        FineTuner.For(model.DistilledFrom(teacher.Head, mixture: 0.5, temperature: 1)).Epochs(1).BatchSize(8).Train(examples);
        // end
        Assert.True(perplexity > 1);
        Assert.InRange(right, 0, 1);
        // snippet: generate
        string next = model.Generate("The film was", new GenerationOptions { MaxNewTokens = 20, NoRepeatNgramSize = 3 });

        var drawn = new GenerationOptions { MaxNewTokens = 20, DoSample = true, Temperature = 0.8, TopP = 0.95, Seed = 7, StopStrings = ["\n"] };
        await foreach (string piece in model.GenerateStreamingAsync("The film was", drawn, cancellation)) Console.Write(piece);

        var beams = new GenerationOptions { MaxNewTokens = 20, NumBeams = 4, NumReturnSequences = 2 };
        foreach (IReadOnlyList<GeneratedText> texts in model.GenerateBatch(["The film was", "In 2015"], beams, cancellation))
        {
            foreach (GeneratedText text in texts) Console.WriteLine($"{text.Score:F2} {text.Reason} {text.Text}");
        }
        // end
        Assert.NotNull(next);
        // snippet: perplexity
        MetricReport report = model.Perplexity(["A text that the model has not seen."], stride: 16);
        double bitsPerByte = report["bits_per_byte"];
        // end
        Assert.True(bitsPerByte > 0);
    }

    [Fact]
    public async Task Chats()
    {
        string checkpoint = Goldens.Require("pipelines", "llama-chat");
        // snippet: chats
        using var model = Pretrained.ChatModel(checkpoint, new LanguageModelOptions { Packing = PackingStrategy.Whole });

        Conversation[] conversations =
        [
            new([new("user", "Name a river."), new("assistant", "Danube")]),
            new([new("system", "You are terse."), new("user", "And a hill?"), new("assistant", "Bussen")]),
        ];
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(2).BatchSize(8).Train(conversations);

        List<ChatTurn> turns = [new("user", "Name a river.")];
        string answer = model.Reply(turns, new GenerationOptions { MaxNewTokens = 30 });
        turns.Add(new("assistant", answer));

        turns.Add(new("user", "And a hill?"));
        await foreach (string piece in model.ReplyStreamingAsync(turns)) Console.Write(piece);
        // end
        Assert.Equal(3, turns.Count);
        // snippet: shared-prompt
        ChatTurn[] instructions = [new("system", "You are terse."), new("user", "")];
        using (SharedPrompt shared = model.SharePrompt(instructions))
        {
            foreach (string question in new[] { "Name a river.", "And a hill?" }) Console.WriteLine(model.Reply([instructions[0], new("user", question)]));
        }
        // end
    }

    [Fact]
    public void A_base_model_takes_a_chat_format()
    {
        string checkpoint = Goldens.Require("pipelines", "gpt2-generate"), prepared = output;
        // snippet: chat-format
        Pretrained.AddChatFormat(checkpoint, prepared, ChatFormat.ChatMl);
        using var model = Pretrained.ChatModel(prepared);
        // end
        Assert.Equal([model.Tokenizer.TokenId("<|im_end|>")!.Value], model.GenerationDefaults.EosTokenId!);
    }

    [Fact]
    public void Pairs()
    {
        string checkpoint = Goldens.Require("pipelines", "t5-generate");
        // snippet: text-to-text
        using var model = Pretrained.TextToText(checkpoint, new TextToTextOptions { Prefix = "shorten: ", LabelSmoothing = 0.1 });

        SourceTarget[] pairs = [new("A gripping, funny and moving film.", "a film"), new("I did not like it at all!", "not at all")];
        FineTuner.For(model)
            .WithOptimizer(Optimizer.Adafactor(learningRate: 1e-3))
            .Epochs(2).BatchSize(8)
            .ValidateOn(pairs)
            .Train(pairs);

        string summary = model.Summarize("A long, slow and sad film.", new GenerationOptions { NumBeams = 4, MaxNewTokens = 12 });
        // end
        Assert.NotNull(summary);
        // snippet: decoder-prefix
        string longer = model.Summarize("A long, slow and sad film.", new GenerationOptions { DecoderPrefix = "a film", MaxNewTokens = 12 });
        // end
        Assert.StartsWith("a film", longer, StringComparison.Ordinal);
    }

    [Fact]
    public void Instructions()
    {
        using var model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        string file = Written("instructions.jsonl", "{\"prompt\": \"Name the film.\", \"completion\": \"The film\"}\n");
        // snippet: instructions
        PromptCompletion[] instructions = [.. PromptCompletions.Read(file)];        // Alpaca's form, or prompt and completion: found out by the keys
        FineTuner.For(model).Epochs(2).BatchSize(8).Train(instructions);
        string done = model.Generate(instructions[0].Prompt.Text!, new GenerationOptions { MaxNewTokens = 30 });
        // end
        Assert.NotNull(done);
        Assert.Equal("The film", instructions[0].Completion.Text);
    }

    [Fact]
    public void Translation()
    {
        string checkpoint = Goldens.Require("pipelines", "t5-generate"), file = Written("pairs.tsv", "english\tgerman\nThe film was good.\tDer Film war gut.\n");
        // snippet: translation
        using var model = Pretrained.TextToText(checkpoint, new TextToTextOptions { Prefix = "translate English to German: " });

        SourceTarget[] pairs = [.. Tsv.Read(file).SourceTargets(source: "english", target: "german")];
        FineTuner.For(model).WithOptimizer(Optimizer.AdamW(learningRate: 1e-3)).Epochs(2).BatchSize(8).Train(pairs);

        string translation = model.Translate("The film was long.", new GenerationOptions { MaxNewTokens = 20 });
        // end
        Assert.NotNull(translation);
    }

    [Fact]
    public void Evaluation_by_generation()
    {
        using var model = Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate"));
        SourceTarget[] pairs = [new("A gripping, funny and moving film.", "a film"), new("I did not like it at all!", "not at all")], dev = pairs, test = pairs;
        Directory.CreateDirectory(output);
        // snippet: evaluation-by-generation
        model.AddMetric(TextMetric.Of(new Chrf()));
        model.AddMetric(TextMetric.ExactMatch());
        model.AddMetric(TextMetric.Mean("too_long", MetricDirection.Lower, (output, references) => output.Length > 60 ? 1 : 0));
        model.EvaluationSample = new EvaluationSample { Count = 100, Generation = new GenerationOptions { MaxNewTokens = 12 } };

        TrainingResult result = FineTuner.For(model).Epochs(3).BatchSize(8).ValidateOn(dev).StopEarly(patience: 2, metric: "chrf").Train(pairs);
        result.SaveReport(Path.Combine(output, "report.html"));                     // source, reference and output side by side

        MetricReport tested = model.Evaluate(test);
        foreach (GeneratedSample sample in tested.Samples) Console.WriteLine(sample);
        // end
        Assert.Equal(2, tested.Samples.Count);
        Assert.Equal("chrf", result.Metric);
        Assert.Contains("A gripping, funny and moving film.", File.ReadAllText(Path.Combine(output, "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void Precision_of_generation()
    {
        string checkpoint = Goldens.Require("pipelines", "gpt2-generate");
        // snippet: generation-precision
        using var model = Pretrained.CausalLanguageModel(checkpoint, new LanguageModelOptions
        {
            Precision = Precision.BFloat16,          // the matrix products
            FrozenPrecision = Precision.BFloat16,    // and the weights: half the memory, and they do not train
        });
        // end
        Assert.NotNull(model.Generate("The film", new() { MaxNewTokens = 3 }));
    }
}
