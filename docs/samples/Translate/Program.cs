// Tunes a small encoder-decoder, which knows numbers, times and dates in English and German, on sentences with them, and translates yours.
// dotnet run --project docs/samples/Translate --configuration Release -- [--ask "The lamp costs twelve euros."] [--model DIR] [--epochs N] [--rate R] [--seed N] [--test FILE] [--out DIR]
using System.Globalization;
using FineTuning;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Samples;
using FineTuning.Training;

try
{
    TalkArguments arguments = TalkArguments.Parse(args, epochs: 15);
    SourceTarget[] Read(string name) => [.. Tsv.Read(TalkArguments.Beside(name)).SourceTargets()];
    SourceTarget[] train = Read("data/train.tsv"), heldOut = [.. Tsv.Read(arguments.Test ?? TalkArguments.Beside("data/heldout.tsv")).SourceTargets()];
    Console.WriteLine($"{train.Length} sentences to train on");

    using TextToText model = Pretrained.TextToText(arguments.Model, new TextToTextOptions { Seed = arguments.Seed });
    var limits = new GenerationOptions { MaxNewTokens = 60 };
    var bar = new ProgressBar();
    TrainingResult result = FineTuner.For(model)
        .WithOptimizer(Optimizer.AdamW(learningRate: arguments.LearningRate, weightDecay: 0.01))
        .WithScheduler(Schedule.Linear(warmup: 0.1))
        .BatchSize(8).Epochs(arguments.Epochs).Seed(arguments.Seed)
        .OnProgress(bar.Show)
        .Train(train);
    bar.Clear();
    Console.WriteLine(result);

    // Sentences that nothing was trained on; right is what equals the translation, letter for letter.
    model.AddMetric(TextMetric.ExactMatch());
    model.AddMetric(TextMetric.Of(new Chrf()));
    model.EvaluationSample = new EvaluationSample { Count = heldOut.Length, Shown = 5, Generation = limits };
    MetricReport tested = model.Evaluate(heldOut);
    foreach (GeneratedSample sample in tested.Samples) Console.WriteLine($"  {sample}");
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"held out: {tested["exact_match"]:P1} of {heldOut.Length} sentences are translated letter for letter; chrF {tested["chrf"]:0.0}"));
    if (arguments.Output is { } folder)
    {
        model.Save(folder);
        Console.WriteLine($"The tuned model is in {Path.GetFullPath(folder)}");
    }

    foreach (string sentence in arguments.Asked) await Show(sentence);
    if (arguments.Asked.Length > 0 || Console.IsInputRedirected) return 0;
    Console.WriteLine("Type a sentence like those above; end of input leaves.");
    while (true)
    {
        Console.Write("> ");
        if (Console.ReadLine() is not { } line) return 0;
        if (!string.IsNullOrWhiteSpace(line)) await Show(line);
    }

    async Task Show(string sentence)
    {
        await foreach (string piece in model.GenerateStreamingAsync(sentence, limits)) Console.Write(piece);
        Console.WriteLine();
    }
}
catch (Exception problem) when (problem is FineTuningException or IOException)
{
    Console.Error.WriteLine(problem.Message);
    return 1;
}
