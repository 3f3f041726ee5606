using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Training;
using Microsoft.Extensions.Logging;

namespace FineTuning.Processes;

/// <summary>The run that is killed while it encodes: texts that are packed, so that all of them are written to a file and then the rows that they share.</summary>
internal static class EncodingWorker
{
    /// <summary>The first record is read.</summary>
    public const string Begins = "encoding";

    /// <summary>The rows are in their place.</summary>
    public const string Written = "written";

    /// <summary>Those of an earlier run are read.</summary>
    public const string Found = "found";

    private const int Texts = 15_000;

    private static readonly string[] Words = ["a", "fine", "film", "dull", "evening", "nothing", "at", "all", "happens", "good", "bad", "and", "long"];

    /// <summary>What a run came to.</summary>
    /// <param name="Learned">The hash of its weights, its rows and its warnings.</param>
    /// <param name="HasWritten">Whether it encoded.</param>
    public sealed record Outcome(string Learned, bool HasWritten);

    /// <summary>The process that is killed: it says how far it is.</summary>
    public static int Run(string checkpoint, string folder, int data)
    {
        Train(checkpoint, folder, data, Say);
        return 0;
    }

    /// <param name="checkpoint">Of a decoder.</param>
    /// <param name="folder">Where the rows are kept.</param>
    /// <param name="data">Which texts.</param>
    /// <param name="say">Told how far it is.</param>
    public static Outcome Train(string checkpoint, string folder, int data, Action<string> say)
    {
        FineTuningRuntime.Threads = 1;
        bool written = false;
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(checkpoint, new LanguageModelOptions { Packing = PackingStrategy.Split, MaximumLength = 24 });
        PromptCompletion[] texts = Data(data);
        say(Begins);
        TrainingResult result = FineTuner.For(model).Steps(2).BatchSize(4).WithOptimizer(Optimizer.AdamW(1e-2)).KeepRowsOnDisk(folder).WithLogger(new RowLogger(line =>
        {
            written |= line == Written;
            say(line);
        })).Train(texts);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Weight weight in model.Weights) hash.AppendData(MemoryMarshal.AsBytes(weight.Value.detach().data<float>().ToArray().AsSpan()));
        return new($"{Convert.ToHexStringLower(hash.GetHashAndReset())[..16]} of {result.TrainingRows} rows {string.Join(" | ", result.Warnings)}", written);
    }

    // The number is known, so that all are read whatever the steps need.
    private static PromptCompletion[] Data(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Texts).Select(_ =>
            PromptCompletion.OfText(string.Join(' ', Enumerable.Range(0, random.Next(1, 40)).Select(_ => Words[random.Next(Words.Length)]))))];
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }

    private sealed class RowLogger(Action<string> say) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name == "RowsWritten") say(Written);
            if (eventId.Name == "RowsReused") say(Found);
        }
    }
}
