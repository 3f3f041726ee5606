using System.Globalization;
using FineTuning.Errors;

namespace FineTuning.Samples;

/// <summary>What Chat or Translate was asked to do; without arguments, its own model and data, and what is typed at the terminal.</summary>
internal sealed record TalkArguments
{
    private const string Usage = "arguments: [--ask TEXT]... [--model DIR] [--epochs N] [--rate R] [--seed N] [--test FILE] [--out DIR]";

    public string Model { get; private init; } = Beside("starter");

    /// <summary>Answered or translated at the end; with any, nobody is asked for more.</summary>
    public string[] Asked { get; private init; } = [];

    public int Epochs { get; private init; }

    public double LearningRate { get; private init; } = 2e-3;

    public long Seed { get; private init; } = 1;

    /// <summary>What the tuned model is tested with; null: the sample's own.</summary>
    public string? Test { get; private init; }

    /// <summary>Where the tuned model goes; null: it is not saved.</summary>
    public string? Output { get; private init; }

    /// <summary>A file of the sample.</summary>
    public static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);

    /// <param name="epochs">How many where the words do not say.</param>
    /// <exception cref="InvalidOptionsException">A word is not known, or its value is missing or no number.</exception>
    public static TalkArguments Parse(string[] words, int epochs)
    {
        var arguments = new TalkArguments { Epochs = epochs };
        for (int i = 0; i < words.Length; i += 2)
        {
            if (i + 1 == words.Length) throw new InvalidOptionsException([$"'{words[i]}' has no value; {Usage}"]);
            string value = words[i + 1];
            arguments = words[i] switch
            {
                "--ask" => arguments with { Asked = [.. arguments.Asked, value] },
                "--model" => arguments with { Model = value },
                "--epochs" => arguments with { Epochs = Whole(value) },
                "--seed" => arguments with { Seed = Whole(value) },
                "--test" => arguments with { Test = value },
                "--out" => arguments with { Output = value },
                "--rate" => arguments with { LearningRate = double.TryParse(value, CultureInfo.InvariantCulture, out double rate) ? rate : throw new InvalidOptionsException([$"'{value}' is no number"]) },
                _ => throw new InvalidOptionsException([$"'{words[i]}' is not known; {Usage}"]),
            };
        }
        return arguments;
    }

    private static int Whole(string value) => int.TryParse(value, CultureInfo.InvariantCulture, out int number) ? number : throw new InvalidOptionsException([$"'{value}' is no whole number"]);
}
