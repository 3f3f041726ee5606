using FineTuning;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Training;
using QuickStart;

try
{
    SampleArguments arguments = SampleArguments.Parse(args);
    LabeledText<string>[] train = Data.Read(arguments.Train), dev = Data.Read(arguments.Dev);
    string[] labels = [.. train.Select(row => row.Label).Distinct().Order(StringComparer.Ordinal)];
    Console.WriteLine($"{train.Length} sentences to train on, {dev.Length} to validate; labels: {string.Join(", ", labels)}");

    using TextClassifier<string> model = Pretrained.TextClassifier(arguments.Model, new TextClassifierOptions<string> { Labels = labels, MaximumLength = arguments.MaximumLength, Seed = arguments.Seed, FreshHead = true });

    var screen = new ProgressScreen();
    TrainingResult result = FineTuner.For(model)
        .WithOptimizer(Optimizer.AdamW(learningRate: arguments.LearningRate))
        .WithScheduler(Schedule.Linear(warmup: 0.06))
        .BatchSize(arguments.BatchSize).Epochs(arguments.Epochs).Seed(arguments.Seed)
        .ValidateOn(dev)
        .With(options => options with { KeepBest = arguments.KeepBest, EarlyStopping = arguments.Patience == 0 ? null : new EarlyStopping(arguments.Patience) })
        .OnProgress(screen.Show).OnEvaluation(screen.Show)
        .Train(train);
    screen.Finish();
    Console.WriteLine(result);

    if (arguments.Test is { } testFile) Data.Test(model, Data.Read(testFile), train);
    foreach (string sentence in arguments.Sentences) Console.WriteLine($"  {model.Predict(sentence),-24} {sentence}");

    model.Save(arguments.Output);
    result.SaveReport(Path.Combine(arguments.Output, "report.html"));
    Console.WriteLine($"The tuned model and report.html are in {Path.GetFullPath(arguments.Output)}");
    return 0;
}
catch (FineTuningException problem)
{
    Console.Error.WriteLine(problem.Message);
    return 1;
}
catch (IOException problem)
{
    Console.Error.WriteLine(problem.Message);
    return 1;
}
