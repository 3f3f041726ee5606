using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Models;

namespace FineTuning.Processes;

/// <summary>
/// A run, or predictions outside one, in a process under a limit of its address space (<c>ulimit -v</c>), at several amounts of room: they end as without a limit, or with
/// an exception that says that memory ended, and never with a signal.
/// </summary>
internal static class AddressSpaceTest
{
    public const string Training = "address-space", Predictions = "address-space-predictions";

    private const double Rounding = 1e-4;

    // In kilobytes; the worker leaves itself less once its model is loaded.
    private const string OuterLimit = "33554432";

    private static readonly int[] Rooms = [32, 64, 96, 128, 144, 160, 176, 192, 208, 224, 256, 288, 320, 384, 448, 512, 640, 768, 1024, 1536];
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    /// <param name="work">What the processes do.</param>
    /// <param name="count">Processes at each amount of room.</param>
    /// <param name="checkpoint">Of a classifier; its tokenizer is taken.</param>
    /// <param name="megabytes">Amounts of room. Empty: twenty, from 32 MB up.</param>
    public static int Run(string work, int count, string checkpoint, int[] megabytes)
    {
        string folder = Directory.CreateTempSubdirectory("address-space").FullName;
        try
        {
            Make(checkpoint, folder);
            (int code, string expected) = Worker(work, folder, 0);
            if (code != 0 || !expected.StartsWith("numbers", StringComparison.Ordinal)) return Fail($"without a limit it ended with {code}: {expected}");
            int dead = 0;
            foreach (int room in megabytes.Length > 0 ? megabytes : Rooms)
            {
                (int Code, string Last)[] found = [.. Enumerable.Range(0, count).Select(_ => Worker(work, folder, room))];
                int same = found.Count(one => one.Code == 0 && IsSame(one.Last, expected)), typed = found.Count(one => one.Code == 0 && one.Last.StartsWith("typed", StringComparison.Ordinal));
                int split = found.Count(one => one.Last.EndsWith("in parts", StringComparison.Ordinal));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{room,5} MB: {same} of {count} as without a limit ({split} in parts), {typed} ended with an exception, {count - same - typed} otherwise"));
                if (typed > 0) Console.WriteLine($"      {found.First(one => one.Last.StartsWith("typed", StringComparison.Ordinal)).Last}");
                foreach ((int ended, string last) in found.Where(one => one.Code != 0 || !(IsSame(one.Last, expected) || one.Last.StartsWith("typed", StringComparison.Ordinal))))
                {
                    dead++;
                    Console.WriteLine($"      code {ended}: {last}; without a limit: {expected}");
                }
            }
            return dead == 0 ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool IsSame(string found, string expected)
    {
        double[] one = Numbers(found), other = Numbers(expected);
        return one.Length == other.Length && one.Zip(other, (a, b) => Math.Abs(a - b)).All(apart => apart < Rounding);
    }

    private static double[] Numbers(string line) =>
        [.. line.Split(' ').Skip(1).Where(word => char.IsAsciiDigit(word[0])).Select(word => double.Parse(word, CultureInfo.InvariantCulture))];

    private static (int Code, string Last) Worker(string work, string folder, int room)
    {
        string own = typeof(AddressSpaceTest).Assembly.Location, limit = room == 0 ? "unlimited" : OuterLimit;
        var start = new ProcessStartInfo("sh", ["-c", $"ulimit -v {limit} && exec dotnet \"$0\" address-space-worker \"$1\" \"$2\" \"$3\"", own, work, folder, room.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            return (-1, "it did not end");
        }
        string last = output.Result.TrimEnd().Split('\n')[^1];
        return (process.ExitCode, process.ExitCode == 0 ? last : $"{last} {errors.Result.Trim().Split('\n')[0]}");
    }

    // Large enough that a batch takes some hundred megabytes.
    private static void Make(string checkpoint, string folder)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(checkpoint, "config.json")))!.AsObject();
        foreach ((string key, int value) in new[] { ("hidden_size", 192), ("intermediate_size", 768), ("num_hidden_layers", 3), ("max_position_embeddings", 128) }) config[key] = value;
        config["dtype"] = "float32";
        using (OutputHead head = OutputHead.Create(config.ToJsonString(), HeadKind.SequenceClassification, outputs: 3, new ModelLoadOptions { Seed = 1 })) head.Save(folder);
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json" }) File.Copy(Path.Combine(checkpoint, name), Path.Combine(folder, name), overwrite: true);
    }

    private static int Fail(string message)
    {
        Console.WriteLine(message);
        return 1;
    }
}
