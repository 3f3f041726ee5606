using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using Microsoft.Extensions.Logging;
using Xunit;

namespace FineTuning.Tests.Heads.Naming;

/// <summary>A head is taken over for what config.json says that it is for, whatever its shape; a fresh one says so.</summary>
public sealed class HeadPurposeTests
{
    public static TheoryData<string, string> Others()
    {
        var cases = new TheoryData<string, string>();
        if (Goldens.Folder("models") is not { } root) return cases;
        foreach (string family in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            foreach (string head in Directory.GetDirectories(family).Order(StringComparer.Ordinal)) cases.Add(Path.GetFileName(family), Path.GetFileName(head));
        }
        return cases;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Others))]
    public void Another_tasks_head_is_never_taken_over(string family, string head)
    {
        string folder = Goldens.Require("models", family, head);
        if (!File.Exists(Path.Combine(folder, "model.safetensors")) || !ModelFamilies.Supports(folder)) Assert.Skip($"{family}/{head}: no supported encoder");
        CheckpointHead found = OutputHead.ReadHead(folder);
        ConfigFile config = ConfigFile.Read(folder);
        HeadKind[] kinds = [.. new[] { HeadKind.SequenceClassification, HeadKind.TokenClassification, HeadKind.QuestionAnswering }.Where(ModelFamilies.Of(config).Read(config).Heads.ContainsKey)];
        if (kinds.Length == 0) Assert.Skip($"{family} has no head of a task");
        foreach (HeadKind kind in kinds)
        {
            int outputs = kind == HeadKind.QuestionAnswering ? 2 : Math.Max(1, OutputHead.ReadLabels(folder).Count);
            bool own = found.Serves(kind) == true;
            foreach (bool fresh in new[] { false, true })
            {
                using OutputHead model = OutputHead.Load(folder, kind, outputs, new ModelLoadOptions { FreshHead = fresh });
                string[] drawn = [.. model.LoadReport.Fresh];
                if (own && !fresh) Assert.Empty(drawn);
                else Assert.Contains(drawn, name => name.EndsWith("weight", StringComparison.Ordinal));
                // The whole head or nothing of it; what belongs to the trunk alone may stay.
                string[] all = [.. model.Weights.Where(weight => weight.Depth == model.Trunk.Plan.LayerCount + 1 && weight.Name.StartsWith("head.", StringComparison.Ordinal)).SelectMany(weight => weight.Parts).Select(part => part.CheckpointName)];
                if (!own || fresh) Assert.Empty(all.Except(drawn));
                // A pooler that was tuned with a task's head goes with it, one that was pretrained stays.
                if (model.Weights.Find("pooler.weight") is { } pooler) Assert.Equal(fresh && found.IsOfTask == true || !Holds(folder, pooler.Parts[0].CheckpointName), drawn.Contains(pooler.Parts[0].CheckpointName));
            }
        }
    }

    [Fact]
    public void A_taggers_folder_is_a_trunk_for_sentences_and_the_other_way_round()
    {
        string tagger = Goldens.Require("pipelines", "bert-tokens"), classifier = Goldens.Require("pipelines", "bert-classify");
        foreach (bool fresh in new[] { false, true })
        {
            using TextClassifier<string> sentences = Pretrained.TextClassifier(tagger, new TextClassifierOptions<string> { Labels = ["a", "b", "c", "d", "e"], FreshHead = fresh });
            Assert.Equal(["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"], sentences.Head.LoadReport.Fresh);
            Assert.True(sentences.HasUntrainedHead);
            using TokenClassifier tags = Pretrained.TokenClassifier(classifier, null, new() { Tags = ["O", "B-X", "I-X"], FreshHead = fresh });
            Assert.Equal(["classifier.weight", "classifier.bias"], tags.Head.LoadReport.Fresh);
            using TokenClassifier same = Pretrained.TokenClassifier(classifier, null, new() { Tags = ["negative", "neutral", "positive"], FreshHead = fresh });
            Assert.Equal(2, same.Head.LoadReport.Fresh.Count);
        }
        // Another task's names are no labels either.
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier<string>(tagger));
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TokenClassifier(classifier));
        using var choice = new EditedFolder(classifier, config => config["architectures"] = new JsonArray("BertForMultipleChoice"));
        using TextClassifier<string> chosen = Pretrained.TextClassifier(choice.Path, new TextClassifierOptions<string> { Labels = ["negative", "neutral", "positive"] });
        Assert.Equal(["classifier.weight", "classifier.bias"], chosen.Head.LoadReport.Fresh);
        // Where config.json does not say what the head is for, its tensors do.
        using var silent = new EditedFolder(classifier, config => config.Remove("architectures"));
        using (TextClassifier<string> own = Pretrained.TextClassifier<string>(silent.Path)) Assert.Empty(own.Head.LoadReport.Fresh);
        using (TextClassifier<string> anew = Pretrained.TextClassifier(silent.Path, new TextClassifierOptions<string> { FreshHead = true })) Assert.Equal(4, anew.Head.LoadReport.Fresh.Count);
        using (SentenceEncoder encoder = Pretrained.SentenceEncoder(classifier, new SentenceEncoderOptions { FreshHead = true })) Assert.Empty(encoder.LoadReport.Fresh);
    }

    [Fact]
    public void A_fresh_head_that_answers_is_said_once_until_it_is_trained()
    {
        string folder = Goldens.Require("pipelines", "bert-tokens");
        var logger = new Lines();
        using TextClassifier<bool> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<bool> { Logger = logger });
        Assert.Empty(logger.Warnings);
        model.Predict("one");
        model.PredictBatch(["two", "three"]);
        model.Explain("four");
        Assert.Contains("classifier.weight", Assert.Single(logger.Warnings), StringComparison.Ordinal);
        Assert.True(model.HasUntrainedHead);
        FineTuner.For(model).Steps(1).Train([new LabeledText<bool>("good", true), new LabeledText<bool>("bad", false)]);
        Assert.False(model.HasUntrainedHead);

        var others = new Lines();
        using TokenClassifier tagger = Pretrained.TokenClassifier(folder, ["ORG"], new() { FreshHead = true, Logger = others });
        using QuestionAnswerer answerer = Pretrained.QuestionAnswerer(folder, new QuestionAnswererOptions { Logger = others });
        using MaskedLanguageModel masked = Pretrained.MaskedLanguageModel(folder, new MaskedLanguageOptions { Logger = others });
        tagger.Predict("Ada");
        answerer.Predict("who?", "Ada met Alan");
        masked.Predict($"who is {masked.Tokenizer.Token(masked.MaskId)}?");
        Assert.Equal(3, others.Warnings.Count);
        Assert.True(tagger.HasUntrainedHead && answerer.HasUntrainedHead && masked.HasUntrainedHead);
        using TokenClassifier own = Pretrained.TokenClassifier(folder, null, new() { Logger = others });
        own.Predict("Ada");
        Assert.False(own.HasUntrainedHead);
        Assert.Equal(3, others.Warnings.Count);
    }

    private static bool Holds(string folder, string name)
    {
        using var file = FineTuning.Tensors.SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        return file.Tensors.ContainsKey(name) || file.Tensors.ContainsKey(name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..]);
    }

    private sealed class Lines : ILogger
    {
        public List<string> Warnings { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Warning) Warnings.Add(formatter(state, exception));
        }
    }
}
