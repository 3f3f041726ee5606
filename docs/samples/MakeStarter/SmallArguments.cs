using System.Globalization;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;

namespace MakeStarter;

/// <summary>How the small generating checkpoints are made.</summary>
internal sealed record SmallArguments
{
    private const string Usage = "arguments: chat or translate, then [--examples N] [--epochs N] [--rate R] [--seed N] [--out DIR]";

    public int Examples { get; private init; }

    public int Epochs { get; private init; }

    public double LearningRate { get; private init; } = 2e-3;

    public int Seed { get; private init; } = 2026;

    /// <summary>Null: the sample's folder.</summary>
    public string? Output { get; private init; }

    /// <param name="words">The arguments.</param>
    /// <param name="examples">How many where the words do not say.</param>
    /// <param name="epochs">How many where the words do not say.</param>
    /// <exception cref="InvalidOptionsException">A word is not known, or its value is missing or no number.</exception>
    public static SmallArguments Parse(string[] words, int examples, int epochs)
    {
        var arguments = new SmallArguments { Examples = examples, Epochs = epochs };
        for (int i = 0; i < words.Length; i += 2)
        {
            if (i + 1 == words.Length) throw new InvalidOptionsException([$"'{words[i]}' has no value; {Usage}"]);
            string value = words[i + 1];
            arguments = words[i] switch
            {
                "--examples" => arguments with { Examples = Whole(value) },
                "--epochs" => arguments with { Epochs = Whole(value) },
                "--rate" => arguments with { LearningRate = double.TryParse(value, CultureInfo.InvariantCulture, out double rate) ? rate : throw new InvalidOptionsException([$"'{value}' is no number"]) },
                "--seed" => arguments with { Seed = Whole(value) },
                "--out" => arguments with { Output = value },
                _ => throw new InvalidOptionsException([$"'{words[i]}' is not known; {Usage}"]),
            };
        }
        return arguments;
    }

    /// <summary>Stores the weights of a saved model as bfloat16 and moves the files that a sample needs to where the starter lies.</summary>
    public static void Finish(string folder, HeadKind kind, string output)
    {
        using (OutputHead head = OutputHead.Load(folder, kind)) head.Save(folder, stored: Precision.BFloat16);
        Directory.CreateDirectory(output);
        foreach (string file in Directory.GetFiles(folder).Where(file => Path.GetFileName(file) is not ("vocab.json" or "merges.txt" or "finetuning_files.json")))
        {
            File.Copy(file, Path.Combine(output, Path.GetFileName(file)), overwrite: true);
        }
        Directory.Delete(folder, recursive: true);
        Console.WriteLine($"{output}: {Directory.GetFiles(output).Sum(file => new FileInfo(file).Length) / 1024:N0} KB");
    }

    private static int Whole(string value) => int.TryParse(value, CultureInfo.InvariantCulture, out int number) && number > 0 ? number : throw new InvalidOptionsException([$"'{value}': a whole number from 1 up was expected"]);
}
