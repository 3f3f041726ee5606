using System.Globalization;
using FineTuning.Errors;

namespace Chat;

/// <summary>What the sample was asked to do; without arguments, its own model and conversations, and a talk at the terminal.</summary>
internal sealed record ChatArguments
{
    private const string Usage = "arguments: [--ask QUESTION]... [--model DIR] [--epochs N] [--rate R] [--seed N] [--out DIR]";

    public string Model { get; private init; } = Beside("starter");

    /// <summary>Answered at the end; with any, nobody is asked for more.</summary>
    public string[] Questions { get; private init; } = [];

    public int Epochs { get; private init; } = 8;

    public double LearningRate { get; private init; } = 2e-3;

    public long Seed { get; private init; } = 1;

    /// <summary>Where the tuned model goes; null: it is not saved.</summary>
    public string? Output { get; private init; }

    /// <summary>A file of the sample.</summary>
    public static string Beside(string name) => Path.Combine(AppContext.BaseDirectory, name);

    /// <exception cref="InvalidOptionsException">A word is not known, or its value is missing or no number.</exception>
    public static ChatArguments Parse(string[] words)
    {
        var arguments = new ChatArguments();
        for (int i = 0; i < words.Length; i += 2)
        {
            if (i + 1 == words.Length) throw new InvalidOptionsException([$"'{words[i]}' has no value; {Usage}"]);
            string value = words[i + 1];
            arguments = words[i] switch
            {
                "--ask" => arguments with { Questions = [.. arguments.Questions, value] },
                "--model" => arguments with { Model = value },
                "--epochs" => arguments with { Epochs = Whole(value) },
                "--seed" => arguments with { Seed = Whole(value) },
                "--out" => arguments with { Output = value },
                "--rate" => arguments with { LearningRate = double.TryParse(value, CultureInfo.InvariantCulture, out double rate) ? rate : throw new InvalidOptionsException([$"'{value}' is no number"]) },
                _ => throw new InvalidOptionsException([$"'{words[i]}' is not known; {Usage}"]),
            };
        }
        return arguments;
    }

    private static int Whole(string value) => int.TryParse(value, CultureInfo.InvariantCulture, out int number) ? number : throw new InvalidOptionsException([$"'{value}' is no whole number"]);
}
