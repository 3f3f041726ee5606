using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>
/// The law of resuming over combinations of head, adapter, optimizer, schedule, freezing, accumulation, precision and weight average: each case takes one value of each
/// at random, and is killed after a random step. FINETUNING_EXHAUSTIVE=1 runs all cases, else every tenth.
/// </summary>
public sealed class ResumeLawTests
{
    private const int AllCases = 320, StepsOfARun = 7;
    private static readonly bool IsExhaustive = Environment.GetEnvironmentVariable("FINETUNING_EXHAUSTIVE") == "1";
    private static readonly string[] Words = ["red", "old", "tree", "film", "good", "bad", "house", "it", "is", "not", "at", "all"];

    private static readonly Optimizer[] Optimizers =
    [
        Optimizer.AdamW(1e-2), Optimizer.AdamW(1e-2, amsGrad: true), Optimizer.Adam(1e-2), Optimizer.Sgd(0.1, momentum: 0.9, nesterov: true), Optimizer.Sgd(0.1),
        Optimizer.RmsProp(1e-3, momentum: 0.5), Optimizer.Adagrad(1e-2), Optimizer.RAdam(1e-2), Optimizer.NAdam(1e-2), Optimizer.Adafactor(), Optimizer.Adafactor(null, true),
        Optimizer.Lion(1e-3),
    ];

    private static readonly Schedule[] Schedules =
    [
        Schedule.Constant(), Schedule.Linear(0.3), Schedule.Cosine(2), Schedule.CosineWithRestarts(2), Schedule.WarmRestarts(2, 2), Schedule.Polynomial(2), Schedule.InverseSquareRoot(2),
        Schedule.WarmupStableDecay(0.5, 1), Schedule.OneCycle(), Schedule.Exponential(0.9), Schedule.Step(2, 0.5), Schedule.Plateau(0.5, patience: 0), Schedule.Linear(2) with { ZeroFirstStep = true },
    ];

    private static readonly Adapter?[] Adapters = [null, null, Adapter.Lora(rank: 2, alpha: 4).On(l => l.AllLinear()), (Adapter.Lora(rank: 2) with { Dropout = 0.2 }).On(l => l.AllLinear())];

    private static readonly string[] Heads = ["bert", "modernbert", "deberta-v2", "llama", "t5", "texts", "tags", "answers", "sentences", "masks"];

    /// <summary>One value of each dimension.</summary>
    private sealed record Case(string Head, Adapter? Adapter, Optimizer Optimizer, Schedule Schedule, int Freezing, int Accumulation, Precision Precision, bool Averages,
        bool KeepBest, int EvaluateEvery, long Every, long Kill)
    {
        public static Case Of(int number)
        {
            var random = new Random(number);
            // The heads take turns, so that each has as many cases.
            string head = Heads[number % Heads.Length];
            long kill = random.Next(2, StepsOfARun + 1);
            return new(head, Adapters[random.Next(Adapters.Length)], Optimizers[random.Next(Optimizers.Length)], Schedules[random.Next(Schedules.Length)], random.Next(4),
                1 + random.Next(2), (Precision)random.Next(2), random.Next(3) == 0, random.Next(4) != 0, random.Next(3), 1 + random.Next((int)kill - 1), kill);
        }

        public FineTuner<T> Recipe<T>(FineTuner<T> tuner, IEnumerable<T> dev)
        {
            tuner = tuner.WithOptimizer(Optimizer).WithScheduler(Schedule).Steps(StepsOfARun).BatchSize(4, Accumulation).WithPrecision(Precision).WithLayerDecay(0.9)
                .ValidateOn(dev).StopEarly(StepsOfARun).EvaluateEvery(EvaluateEvery == 0 ? EvaluationInterval.Epoch : EvaluationInterval.Steps(EvaluateEvery))
                .With(options => options with { KeepBest = KeepBest });
            if (Adapter is not null) tuner = tuner.WithAdapter(Adapter);
            if (Averages) tuner = tuner.WithWeightAverage(0.9);
            return Freezing switch
            {
                1 => tuner.Freeze(weights => weights.Embeddings()),
                // Where nothing lies above the layers, nothing would train at first.
                2 when Head is not ("llama" or "t5" or "sentences" or "masks") => tuner.UnfreezeGradually(),
                3 => tuner.Freeze(weights => weights.Named("*norm*")),
                _ => tuner,
            };
        }
    }

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, AllCases).Where(number => IsExhaustive || number % 10 == number / 10 % 10)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_killed_run_ends_with_the_same_bits(int number)
    {
        var one = Case.Of(number);
        int[][] ids = [.. Texts(10, 1).Select(text => text.Split(' ').Select(word => 5 + (word.Length * 7 % 90)).ToArray())];
        switch (one.Head)
        {
            case "bert" or "modernbert" or "deberta-v2":
                string rows = Goldens.Require("models", one.Head, "seqcls");
                Run(one, () => new RowsClassifier(OutputHead.Load(rows, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Dropout = 0.1 })),
                    [.. ids.Select((row, i) => new IdsWithLabel(row, i % 3))]);
                break;
            case "llama" or "t5":
                string writer = Goldens.Require("models", one.Head, one.Head == "t5" ? "seq2seq" : "clm");
                Run(one, () => new RowsWriter(OutputHead.Load(writer, one.Head == "t5" ? HeadKind.SequenceToSequence : HeadKind.CausalLanguage, 0, new ModelLoadOptions { Dropout = 0.1 }), 0.1),
                    [.. ids.Select(row => new IdsWithTargets(row, row))]);
                break;
            case "texts":
                string classifier = Goldens.Require("pipelines", "bert-classify");
                Run(one, () => Pretrained.TextClassifier(classifier, new TextClassifierOptions<string> { Dropout = 0.1 }),
                    [.. Texts(10, 1).Select((text, i) => new LabeledText<string>(text, i % 3 == 0 ? "negative" : i % 3 == 1 ? "neutral" : "positive"))]);
                break;
            case "tags":
                string tagger = Goldens.Require("pipelines", "bert-tokens");
                Run<TaggedText>(one, () => Pretrained.TokenClassifier(tagger, null, new TokenClassifierOptions { Dropout = 0.1 }),
                    [.. Texts(10, 1).Select(text => new TaggedWords(text.Split(' '), [.. text.Split(' ').Select(word => word.Length > 3 ? "B-PER" : "O")]))]);
                break;
            case "answers":
                string answerer = Goldens.Require("pipelines", "bert-qa");
                Run(one, () => Pretrained.QuestionAnswerer(answerer),
                    [.. Texts(10, 1).Select(text => new AnsweredQuestion("what is it?", text, new GivenAnswer(text.Split(' ')[0], 0)))]);
                break;
            case "sentences":
                string encoder = Goldens.Require("pipelines", "bert-sentences");
                Run(one, () => Pretrained.SentenceEncoder(encoder).With(SimilarityLoss.CoSent()),
                    [.. Texts(10, 1).Zip(Texts(10, 2)).Select((pair, i) => new ScoredPair(pair.First, pair.Second, i / 10.0))]);
                break;
            default:
                string masked = Goldens.Require("pipelines", "bert-mask");
                Run(one, () => Pretrained.MaskedLanguageModel(masked), Texts(10, 1));
                break;
        }
    }

    [Fact]
    public void Every_value_of_every_dimension_occurs_but_for_optimizers_and_schedules_in_the_short_form_too()
    {
        Case[] all = [.. Enumerable.Range(0, AllCases).Select(Case.Of)], cases = [.. all.Where((_, number) => number % 10 == number / 10 % 10)];
        Assert.Equal(Optimizers.Length, all.DistinctBy(one => one.Optimizer).Count());
        Assert.Equal(Schedules.Length, all.DistinctBy(one => one.Schedule).Count());
        Assert.Equal(Heads.Length, cases.DistinctBy(one => one.Head).Count());
        Assert.Equal(3, cases.DistinctBy(one => one.Adapter).Count());
        Assert.Equal(4, cases.DistinctBy(one => one.Freezing).Count());
        Assert.Equal(2, cases.DistinctBy(one => one.Accumulation).Count());
        Assert.Equal(2, cases.DistinctBy(one => one.Precision).Count());
        Assert.Equal(2, cases.DistinctBy(one => one.Averages).Count());
        Assert.Equal(2, cases.DistinctBy(one => one.KeepBest).Count());
        Assert.Equal(3, cases.DistinctBy(one => one.EvaluateEvery).Count());
    }

    private static void Run<T>(Case one, Func<TunableModel<T>> open, T[] data) => KilledRun.AssertSame(open, tuner => one.Recipe(tuner, data[..5]), data, one.Every, one.Kill);

    private static string[] Texts(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(2, 9)).Select(_ => Words[random.Next(Words.Length)])))];
    }
}
