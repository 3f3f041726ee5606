using System.Globalization;
using FineTuning.Errors;

namespace MakeStarter;

/// <summary>What the starter is made from and how long it is trained.</summary>
internal sealed record StarterArguments
{
    public const string Usage = "arguments: [--text FILE...] [--unlabelled FILE...] [--teacher DIR] [--out DIR] [--cache DIR] [--generated N] [--taught N] [--vocabulary N] [--masked-epochs N] [--taught-epochs N] [--rate R] [--seed N]";

    /// <summary>Books as plain text, .gz or not: for the vocabulary, masked-language training and distillation.</summary>
    public IReadOnlyList<string> Books { get; private init; } = [];

    /// <summary>Data sets of which only the texts are read; their labels are not.</summary>
    public IReadOnlyList<string> Unlabelled { get; private init; } = [];

    /// <summary>A sentence encoder whose vectors the starter learns to give; null: masked-language training alone.</summary>
    public string? Teacher { get; private init; }

    public string Output { get; private init; } = Path.Combine("docs", "samples", "QuickStart", "starter");

    /// <summary>Where the teacher's vectors are kept for the next run.</summary>
    public string Cache { get; private init; } = Path.Combine(Path.GetTempPath(), "make-starter");

    /// <summary>Sentences drawn from the grammar.</summary>
    public int Generated { get; private init; } = 50_000;

    /// <summary>The most texts whose vectors are learned.</summary>
    public int Taught { get; private init; } = int.MaxValue;

    public int VocabularySize { get; private init; } = 7000;

    public int MaskedEpochs { get; private init; } = 3;

    public int TaughtEpochs { get; private init; } = 5;

    public double LearningRate { get; private init; } = 2e-3;

    public int Seed { get; private init; } = 2026;

    /// <exception cref="InvalidOptionsException">A word is not known, or its value is missing or no number.</exception>
    public static StarterArguments Parse(string[] words)
    {
        var arguments = new StarterArguments();
        for (int i = 0; i < words.Length;)
        {
            string name = words[i++];
            string[] values = [.. words.Skip(i).TakeWhile(word => !word.StartsWith("--", StringComparison.Ordinal))];
            i += values.Length;
            if (values.Length == 0 || (values.Length > 1 && name is not ("--text" or "--unlabelled"))) throw new InvalidOptionsException([$"'{name}' has {values.Length} values; {Usage}"]);
            string value = values[0];
            arguments = name switch
            {
                "--text" => arguments with { Books = values },
                "--unlabelled" => arguments with { Unlabelled = values },
                "--teacher" => arguments with { Teacher = value },
                "--out" => arguments with { Output = value },
                "--cache" => arguments with { Cache = value },
                "--generated" => arguments with { Generated = Whole(name, value) },
                "--taught" => arguments with { Taught = Whole(name, value) },
                "--vocabulary" => arguments with { VocabularySize = Whole(name, value) },
                "--masked-epochs" => arguments with { MaskedEpochs = Whole(name, value) },
                "--taught-epochs" => arguments with { TaughtEpochs = Whole(name, value) },
                "--seed" => arguments with { Seed = Whole(name, value) },
                "--rate" => arguments with { LearningRate = double.TryParse(value, CultureInfo.InvariantCulture, out double rate) ? rate : throw new InvalidOptionsException([$"{name} is '{value}': a number was expected"]) },
                _ => throw new InvalidOptionsException([$"'{name}' is not known; {Usage}"]),
            };
        }
        return arguments;
    }

    private static int Whole(string name, string value) =>
        int.TryParse(value, CultureInfo.InvariantCulture, out int number) && number >= 0 ? number : throw new InvalidOptionsException([$"{name} is '{value}': a whole number from 0 up was expected"]);
}
