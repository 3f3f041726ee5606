using System.Globalization;
using FineTuning.Errors;

namespace QuickStart;

/// <summary>What the sample was asked to do; without arguments, its own model and sentences.</summary>
internal sealed record SampleArguments
{
    private const string Usage = "arguments: [--model DIR] [--train FILE --dev FILE [--test FILE]] [--epochs N] [--rate R] [--batch N] [--patience N (0: never stop early)] [--keep best|last] [--length N] [--seed N] [--out DIR]; files are .csv, .tsv or .jsonl with a text and a label";

    public string Model { get; private init; } = Beside("starter");

    public string Train { get; private init; } = Beside("data/train.csv");

    public string Dev { get; private init; } = Beside("data/dev.csv");

    public string? Test { get; private init; } = Beside("data/test.csv");

    public string Output { get; private init; } = "tuned-model";

    public int Epochs { get; private init; } = 12;

    public int BatchSize { get; private init; } = 16;

    /// <summary>Evaluations in a row without a gain after which the run ends; 0: it never ends early.</summary>
    public int Patience { get; private init; } = 4;

    /// <summary>Whether the weights of the best evaluation remain, or those of the last step.</summary>
    public bool KeepBest { get; private init; } = true;

    public double LearningRate { get; private init; } = 3e-4;

    public int? MaximumLength { get; private init; }

    public long Seed { get; private init; } = 1;

    public string[] Sentences { get; private init; } =
    [
        "You took the money from my card two times.", "I cannot get into my account.", "The package has not come yet.", "The screen of my phone flickers.", "I want to quit the contract.",
    ];

    public static SampleArguments Parse(string[] words)
    {
        // A large checkpoint wants a gentler rate than the small one.
        SampleArguments arguments = words.Contains("--model") ? new SampleArguments { Epochs = 3, BatchSize = 32, Patience = 2, LearningRate = 5e-5, MaximumLength = 128 } : new SampleArguments();
        for (int i = 0; i < words.Length; i += 2)
        {
            if (i + 1 == words.Length) throw new InvalidOptionsException([$"'{words[i]}' has no value; {Usage}"]);
            string value = words[i + 1];
            arguments = words[i] switch
            {
                "--model" => arguments with { Model = value },
                "--train" => arguments with { Train = value, Test = arguments.Test == Beside("data/test.csv") ? null : arguments.Test, Sentences = [] },
                "--dev" => arguments with { Dev = value },
                "--test" => arguments with { Test = value },
                "--out" => arguments with { Output = value },
                "--epochs" => arguments with { Epochs = Whole(value) },
                "--batch" => arguments with { BatchSize = Whole(value) },
                "--patience" => arguments with { Patience = Whole(value) },
                "--keep" => arguments with { KeepBest = value switch { "best" => true, "last" => false, _ => throw new InvalidOptionsException([$"'--keep {value}' is not known; {Usage}"]) } },
                "--length" => arguments with { MaximumLength = Whole(value) },
                "--seed" => arguments with { Seed = Whole(value) },
                "--rate" => arguments with { LearningRate = double.TryParse(value, CultureInfo.InvariantCulture, out double rate) ? rate : throw new InvalidOptionsException([$"'{value}' is no number"]) },
                _ => throw new InvalidOptionsException([$"'{words[i]}' is not known; {Usage}"]),
            };
        }
        return arguments;
    }

    private static int Whole(string value) => int.TryParse(value, CultureInfo.InvariantCulture, out int number) ? number : throw new InvalidOptionsException([$"'{value}' is no whole number"]);

    private static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
