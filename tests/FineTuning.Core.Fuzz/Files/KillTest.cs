using System.Diagnostics;
using FineTuning.Heads;

namespace FineTuning.Fuzz;

/// <summary>
/// A process that saves one model and another into the same folder, again and again, is killed at random moments: the folder is one of the two, whole.
/// </summary>
internal static class KillTest
{
    private const int LongestMilliseconds = 120;

    /// <summary>What a series of kills has shown.</summary>
    /// <param name="Kills">How many processes were killed.</param>
    /// <param name="Saves">How many times at least they had saved.</param>
    /// <param name="Leftovers">How many kills left a folder of a save behind.</param>
    public sealed record Outcome(int Kills, int Saves, int Leftovers);

    /// <exception cref="BrokenLawException">The folder is no whole model, or what a kill left was not cleared away.</exception>
    public static Outcome Run(int count, int seed)
    {
        string first = TinyCheckpoint.Make(1), second = TinyCheckpoint.Make(2), parent = Directory.CreateTempSubdirectory("kills").FullName;
        string target = Path.Combine(parent, "model");
        File.WriteAllText(Path.Combine(parent, "notes.txt"), "not ours");
        var random = new Random(seed);
        int saves = 0, leftovers = 0;
        for (int i = 0; i < count; i++)
        {
            saves += KillOnce(first, second, target, random.Next(LongestMilliseconds));
            if (Directory.GetDirectories(parent).Length > 1) leftovers++;
            if (TinyCheckpoint.NumberOf(target) is not (1 or 2)) throw new BrokenLawException("the folder is neither of the two models");
        }
        using (TextClassifier<string> model = Pretrained.TextClassifier<string>(first)) model.Save(target);
        if (Directory.GetFileSystemEntries(parent).Length != 2)
        {
            throw new BrokenLawException($"left behind: {string.Join(", ", Directory.GetFileSystemEntries(parent))}");
        }
        if (TinyCheckpoint.NumberOf(target) != 1) throw new BrokenLawException("the folder is not what was saved last");
        foreach (string folder in new[] { first, second, parent }) Directory.Delete(folder, recursive: true);
        return new(count, saves, leftovers);
    }

    /// <summary>The process that is killed: it says when it begins, and after each save.</summary>
    public static void Save(string first, string second, string target)
    {
        using TextClassifier<string> one = Pretrained.TextClassifier<string>(first), two = Pretrained.TextClassifier<string>(second);
        for (int i = 0; ; i++)
        {
            (i % 2 == 0 ? one : two).Save(target);
            Console.Out.WriteLine("saved");
            Console.Out.Flush();
        }
    }

    private static int KillOnce(string first, string second, string target, int milliseconds)
    {
        using Process process = Supervisor.Child(["saver", first, second, target]);
        int saves = 0;
        using var changed = new ManualResetEventSlim();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data == "saved") saves++;
            // Null: the process has ended.
            if (line.Data is "saved" or null) changed.Set();
        };
        process.BeginOutputReadLine();
        changed.Wait();
        // The time until the kill is what is drawn; a process that ends by itself meanwhile is a fault.
        if (process.WaitForExit(milliseconds)) throw new BrokenLawException($"the saving process ended with {process.ExitCode}");
        process.Kill();
        process.WaitForExit();
        return saves;
    }
}
