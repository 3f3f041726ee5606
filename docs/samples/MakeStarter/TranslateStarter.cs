using FineTuning;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Text;
using FineTuning.Training;

namespace MakeStarter;

/// <summary>
/// Makes the checkpoint that Translate carries, a small T5 that knows numbers, times and dates by themselves, and the sample's sentences, which it has not seen.
/// </summary>
internal static class TranslateStarter
{
    private const int TrainSentences = 500, DevSentences = 150, HeldOutSentences = 150, MaximumLength = 64, VocabularySize = 500;
    private static readonly string Sample = Path.Combine("docs", "samples", "Translate");

    public static void Make(SmallArguments arguments)
    {
        string bare = Directory.CreateTempSubdirectory("translate-base").FullName, folder = Directory.CreateTempSubdirectory("translate-starter").FullName;
        // The sentences are drawn apart from the phrases.
        WriteSentences(arguments.Seed + 2);
        var phrases = new Phrases(new Random(arguments.Seed + 1));
        SourceTarget[] pairs = [.. Enumerable.Range(0, arguments.Examples).Select(_ => Pair(phrases.Phrase()))];
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(
            pairs.SelectMany(pair => new[] { pair.Source, pair.Target }), new VocabularyOptions { Size = VocabularySize, MaximumLength = MaximumLength });
        vocabulary.Save(bare);
        string configuration = $$"""
            {
              "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": {{vocabulary.Entries.Count}}, "d_model": 96, "d_kv": 24, "num_heads": 4,
              "d_ff": 256, "num_layers": 2, "num_decoder_layers": 2, "dropout_rate": 0.0, "initializer_factor": 0.8, "tie_word_embeddings": false,
              "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2
            }
            """;
        using (OutputHead fresh = OutputHead.Create(configuration, HeadKind.SequenceToSequence, options: new ModelLoadOptions { Seed = arguments.Seed })) fresh.Save(bare);
        using (TextToText model = Pretrained.TextToText(bare, new TextToTextOptions { Seed = arguments.Seed }))
        {
            Console.WriteLine($"{pairs.Length} phrases, {vocabulary.Entries.Count} entries, {model.Weights.ParameterCount():N0} weights");
            model.AddMetric(TextMetric.ExactMatch());
            model.EvaluationSample = new EvaluationSample { Count = 300, BatchSize = 100, Generation = new GenerationOptions { MaxNewTokens = 40 } };
            FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(arguments.LearningRate, weightDecay: 0.01)).WithScheduler(Schedule.Linear(warmup: 0.05))
                .BatchSize(64).Epochs(arguments.Epochs).Seed(arguments.Seed)
                .ValidateOn(pairs.Where((_, index) => index % 50 == 0)).OnProgress(Progress.Show).OnEvaluation(Progress.Show)
                .Train(pairs.Where((_, index) => index % 50 != 0));
            model.Save(folder);
        }
        Directory.Delete(bare, recursive: true);
        SmallArguments.Finish(folder, HeadKind.SequenceToSequence, arguments.Output ?? Path.Combine(Sample, "starter"));
    }

    /// <summary>The sample's sentences, all different: to train on, to choose settings by, and to test with.</summary>
    private static void WriteSentences(int seed)
    {
        var phrases = new Phrases(new Random(seed));
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        while (seen.Count < TrainSentences + DevSentences + HeldOutSentences)
        {
            (string english, string german) = phrases.Sentence();
            seen[english] = german;
        }
        string[] lines = [.. seen.Select(pair => $"{pair.Key}\t{pair.Value}")];
        Write("train.tsv", lines[..TrainSentences]);
        Write("dev.tsv", lines[TrainSentences..^HeldOutSentences]);
        Write("heldout.tsv", lines[^HeldOutSentences..]);
    }

    private static void Write(string name, string[] lines)
    {
        string folder = Path.Combine(Sample, "data");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), "source\ttarget\n" + string.Join('\n', lines) + "\n");
    }

    private static SourceTarget Pair((string English, string German) words) => new(words.English, words.German);
}
