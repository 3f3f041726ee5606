using System.Diagnostics;
using System.Globalization;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Text;
using FineTuning.Training;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Sentences about restaurants from their properties (E2E NLG; Novikova et al. 2017) with a small T5 from a configuration and a vocabulary of the training
/// part: BLEU over all references of a meaning, as the challenge has it, on some of the development part.
/// </summary>
internal static class RealWriting
{
    public static void Run(Arguments arguments)
    {
        long started = Stopwatch.GetTimestamp();
        int minutes = arguments.Number("minutes", 28), samples = arguments.Number("samples", 200), seed = arguments.Number("seed", 1);
        SourceTarget[] train = Read("trainset.csv.gz"), dev = Read("devset.csv.gz");
        string folder = arguments.Text("out", Directory.CreateTempSubdirectory("e2e").FullName);
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(
            train.SelectMany(pair => new[] { pair.Source, pair.Target }), new VocabularyOptions { Size = arguments.Number("vocabulary", 1500), MaximumLength = 128 });
        vocabulary.Save(folder);
        string configuration = $$"""
            {
              "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": {{vocabulary.Entries.Count}}, "d_model": {{arguments.Number("width", 192)}},
              "d_kv": 64, "num_heads": 3, "d_ff": {{arguments.Number("inner", 512)}}, "num_layers": 3, "num_decoder_layers": 3, "dropout_rate": 0.0,
              "tie_word_embeddings": false, "initializer_factor": 0.4, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2
            }
            """;
        using (OutputHead fresh = OutputHead.Create(configuration, HeadKind.SequenceToSequence, options: new ModelLoadOptions { Seed = seed })) fresh.Save(folder);
        using TextToText model = Pretrained.TextToText(folder, new TextToTextOptions { MaximumSourceLength = 96, MaximumTargetLength = 96 });
        model.AddMetric(TextMetric.Of(new Bleu()));
        model.EvaluationSample = new EvaluationSample { Count = samples, BatchSize = 50, Generation = new GenerationOptions { MaxNewTokens = 80 } };
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"e2e_nlg: {train.Length} pairs, {model.Weights.ParameterCount():N0} weights, {vocabulary.Entries.Count} entries, ready after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s"));
        long shown = 0;
        int batch = arguments.Number("batch", 32);
        FineTuner<SourceTarget> tuner = FineTuner.For(model)
            .WithOptimizer(Optimizer.AdamW(arguments.Number("rate", 10) * 1e-4, weightDecay: 0.01)).WithScheduler(Schedule.Linear(warmup: 0.05))
            .BatchSize(batch).Seed(seed).TimeLimit(TimeSpan.FromMinutes(minutes))
            .ValidateOn(dev)
            .OnProgress(progress =>
            {
                if (progress.Phase != TrainingPhase.Training || (shown != 0 && Stopwatch.GetElapsedTime(shown) < TimeSpan.FromSeconds(30))) return;
                shown = Stopwatch.GetTimestamp();
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  step {progress.Step} of {progress.TotalSteps}: loss {progress.Loss:0.000}, {progress.TokensPerSecond:0} tokens/s, {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes"));
            })
            .OnEvaluation(entry => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  step {entry.Step}, {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes: {entry.Metrics}")))
            .With(options => options with { Metric = "bleu" });
        tuner = tuner.Steps(arguments.Number("steps", 900)).EvaluateEvery(EvaluationInterval.Steps(arguments.Number("every", 450)));
        TrainingResult result = tuner.Train(train);
        Console.WriteLine(result);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"BLEU {result.Metrics!["bleu"]:0.00} on {samples} meanings of the development part, {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes in all"));
    }

    private static SourceTarget[] Read(string name) =>
        [.. Csv.Read(Shared.Data("e2e_nlg", name)).SourceTargets(source: "mr", target: "ref")];
}
