using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Rows in a file are those in memory: of every head whose rows can be kept, to the bit, also where a run goes on.</summary>
public sealed class KeptRowsLawTests : IDisposable
{
    private readonly string _folder = KilledRun.NewFolder();

    public static TheoryData<string> Heads =>
        ["texts", "weighted", "pairs", "several", "scores", "tags", "long tags", "answers", "long answers", "masks", "masked lines", "sentences", "triples", "decoder", "t5", "rewards",
            .. Packed];

    public static TheoryData<string> PackedHeads => [.. Packed];

    // Every way in which texts share rows: PackingStrategy and what is trained.
    private static IEnumerable<string> Packed =>
        Enum.GetValues<PackingStrategy>().Where(packing => packing != PackingStrategy.None).SelectMany(packing => new[] { $"decoder {packing}", $"chat {packing}" });

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void A_run_with_kept_rows_is_the_run_in_memory_and_the_second_encodes_nothing(string head) => Each(head, new SameRuns(_folder));

    [Theory]
    [InlineData("texts")]
    [InlineData("long tags")]
    [InlineData("masks")]
    [MemberData(nameof(PackedHeads))]
    public void A_killed_run_goes_on_with_kept_rows_to_the_same_bits(string head) => Each(head, new SameResumed(_folder));

    private interface ILaw
    {
        void Holds<T>(Func<TunableModel<T>> open, T[] data);
    }

    // A row of a file has all that the row in memory has: their hashes, field by field, are equal.
    private sealed class SameRuns(string folder) : ILaw
    {
        public void Holds<T>(Func<TunableModel<T>> open, T[] data)
        {
            string weights, hash;
            TrainingResult expected;
            using (TunableModel<T> model = open())
            {
                RowSet rows = RowSet.Encode(model, data, "training data", null, default);
                hash = RowHash.Of(rows);
                expected = Recipe(model).Train(data);
                weights = WeightHash.Of(model.Weights);
            }
            foreach (int encoded in (int[])[data.Length, 0])
            {
                using var model = new CountedModel<T>(open());
                TrainingResult actual = Recipe(model).KeepRowsOnDisk(folder).Train(data);
                Assert.Equal(encoded, model.Encoded);
                Assert.Equal(weights, WeightHash.Of(model.Weights));
                KilledRun.AssertSame(expected, actual);
                Assert.Equivalent(expected.TrainingData, actual.TrainingData, strict: true);
                using var kept = new KeptRows(Assert.Single(Directory.GetDirectories(folder)), null, model.RowFormat!);
                Assert.Equal(hash, kept.Index.Summary.Hash);
                using var again = new RowHash();
                again.Add(kept);
                Assert.Equal(hash, again.ToString());
                using var one = new RowHash();
                one.Add([.. Enumerable.Range(0, kept.Count).Select(i => kept[i])]);
                Assert.Equal(hash, one.ToString());
            }
        }
    }

    private sealed class SameResumed(string folder) : ILaw
    {
        public void Holds<T>(Func<TunableModel<T>> open, T[] data)
        {
            KilledRun.AssertSame(open, tuner => Recipe(tuner).KeepRowsOnDisk(folder), data, every: 2, kill: 4);
            // In memory it is the same run: one goes on from the other.
            string runs = KilledRun.NewFolder();
            try
            {
                (TrainingResult expected, string weights) = KilledRun.Whole(open, Recipe, data);
                using (TunableModel<T> model = open())
                {
                    Assert.Throws<KilledException>(() => Recipe(FineTuner.For(model)).CheckpointTo(runs, 2).WithCheckpoints(settings => settings with { Waits = true })
                        .OnProgress(progress => { if (progress.Step == 4) throw new KilledException(); }).Train(data));
                }
                using TunableModel<T> fresh = open();
                TrainingResult actual = Recipe(FineTuner.For(fresh)).CheckpointTo(runs, 2).Resume().KeepRowsOnDisk().Train(data);
                Assert.Equal(weights, WeightHash.Of(fresh.Weights));
                KilledRun.AssertSame(expected, actual);
                Assert.NotEmpty(Directory.GetDirectories(Path.Combine(runs, "rows")));
            }
            finally
            {
                Directory.Delete(runs, recursive: true);
            }
        }
    }

    private static FineTuner<T> Recipe<T>(TunableModel<T> model) => Recipe(FineTuner.For(model));

    private static FineTuner<T> Recipe<T>(FineTuner<T> tuner) => tuner.Steps(7).BatchSize(5, accumulation: 2).WithOptimizer(Optimizer.AdamW(1e-3)).Seed(3);

    private static string[] Texts(int count) => [.. Enumerable.Range(0, count).Select(i =>
        string.Join(' ', Enumerable.Range(0, 1 + (i * 7 % 11)).Select(j => new[] { "red", "old", "tree", "film", "good", "house", "it", "is", "not" }[(i + (j * j)) % 9])))];

    private static void Each(string head, ILaw law)
    {
        string[] texts = Texts(37);
        switch (head)
        {
            case "texts" or "weighted" or "pairs":
                string classifier = Goldens.Require("pipelines", "bert-classify");
                string[] labels = ["negative", "neutral", "positive"];
                var options = new TextClassifierOptions<string>
                {
                    Dropout = 0.1, MaximumLength = head == "pairs" ? 9 : null,
                    ClassWeights = head == "weighted" ? new Dictionary<string, double> { ["neutral"] = 0.3 } : null,
                };
                law.Holds(() => Pretrained.TextClassifier(classifier, options),
                    [.. texts.Select((text, i) => new LabeledText<string>(text, labels[i % 3]) { Pair = head == "pairs" ? texts[^(i + 1)] : null, Weight = 1 + (i % 2) })]);
                break;
            case "several":
                string several = Goldens.Require("pipelines", "bert-classify");
                law.Holds(() => Pretrained.TextMultiLabeler(several, new TextMultiLabelerOptions<string> { Labels = ["a", "b"], FreshHead = true }),
                    [.. texts.Select((text, i) => new MultiLabeledText<string>(text, i % 3 == 0 ? ["a", "b"] : ["b"]))]);
                break;
            case "scores":
                string regressor = Goldens.Require("pipelines", "bert-classify");
                law.Holds(() => Pretrained.TextRegressor(regressor, new TextOptions { FreshHead = true }), [.. texts.Select((text, i) => new ScoredText(text, i / 7.0))]);
                break;
            case "tags" or "long tags":
                string tagger = Goldens.Require("pipelines", "bert-tokens");
                law.Holds<TaggedText>(() => Pretrained.TokenClassifier(tagger, null, new TokenClassifierOptions { MaximumLength = head == "tags" ? null : 7 }),
                    [.. texts.Select(text => new TaggedWords(text.Split(' '), [.. text.Split(' ').Select(word => word.Length > 3 ? "B-PER" : "O")]))]);
                break;
            case "answers" or "long answers":
                string answerer = Goldens.Require("pipelines", "bert-qa");
                var reading = new QuestionAnswererOptions { AllowsNoAnswer = true, MaximumLength = head == "answers" ? null : 14, FullestContextOnly = head == "answers" };
                law.Holds(() => Pretrained.QuestionAnswerer(answerer, reading), [.. texts.Select((text, i) => i % 4 == 0 ? new AnsweredQuestion("what is it?", text)
                    : new AnsweredQuestion("what is it?", text, new GivenAnswer(text.Split(' ')[^1], text.LastIndexOf(' ') + 1)) { Id = $"q{i}" })]);
                break;
            case "masks" or "masked lines":
                string masked = Goldens.Require("pipelines", "bert-mask");
                law.Holds(() => Pretrained.MaskedLanguageModel(masked,
                    new MaskedLanguageOptions { MaximumLength = 16, Packing = head == "masks" ? TextPacking.Windows : TextPacking.Lines }), [.. texts, .. texts]);
                break;
            case "sentences" or "triples":
                string encoder = Goldens.Require("pipelines", "bert-sentences");
                if (head == "sentences")
                    law.Holds(() => Pretrained.SentenceEncoder(encoder).With(SimilarityLoss.CoSent()), [.. texts.Select((text, i) => new ScoredPair(text, texts[^(i + 1)], i / 37.0))]);
                else law.Holds(() => Pretrained.SentenceEncoder(encoder).With(SimilarityLoss.Triplet()), [.. texts.Select((text, i) => new TextTriple(text, texts[^(i + 1)], texts[i / 2]))]);
                break;
            case "decoder":
                string decoder = Goldens.Require("pipelines", "gpt2-generate");
                law.Holds(() => Pretrained.CausalLanguageModel(decoder), Completions(texts));
                break;
            case "t5":
                string t5 = Goldens.Require("pipelines", "t5-generate");
                law.Holds(() => Pretrained.TextToText(t5), [.. texts.Select((text, i) => new SourceTarget(text, texts[^(i + 1)]))]);
                break;
            case "rewards":
                string judge = Goldens.Require("pipelines", "gpt2-classify");
                law.Holds(() => Pretrained.RewardModel(judge, new RewardModelOptions { FreshHead = true }),
                    [.. texts.Select((text, i) => new PreferencePair("say", text, texts[^(i + 1)]) { Margin = i % 2 == 0 ? null : 0.5 })]);
                break;
            default:
                EachPacked(head.Split(' ')[0], Enum.Parse<PackingStrategy>(head.Split(' ')[1]), law);
                break;
        }
    }

    // Of texts of which some are longer than a row, more than are encoded or written at once.
    private static void EachPacked(string head, PackingStrategy packing, ILaw law)
    {
        string[] texts = Texts(2500);
        var options = new LanguageModelOptions { Packing = packing, MaximumLength = 24, LostTargets = LostTargets.Skip };
        if (head == "decoder")
        {
            string decoder = Goldens.Require("pipelines", "gpt2-generate");
            law.Holds(() => Pretrained.CausalLanguageModel(decoder, options), Completions(texts));
            return;
        }
        string chat = Goldens.Require("pipelines", "llama-chat");
        law.Holds(() => Pretrained.ChatModel(chat, options), [.. texts.Select(text => new Conversation([new("user", text), new("assistant", text)]))]);
    }

    private static PromptCompletion[] Completions(string[] texts) =>
        [.. texts.Select((text, i) => i % 5 == 0 ? PromptCompletion.OfText(text) : new PromptCompletion(text, texts[^(i + 1)]) { Weight = 1 + (i % 2) })];
}
