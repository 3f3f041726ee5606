using System.Diagnostics;
using System.Globalization;

namespace FineTuning.Processes;

/// <summary>
/// A run in a process that is killed at random moments, by SIGKILL or asked to end by SIGTERM, and started again each time: it ends with the bits of the run that nobody
/// killed. Then it begins anew, until there were as many kills as were asked for.
/// </summary>
internal static class KillTest
{
    private const int OneInFiveIsAsked = 5;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static int Run(int count, string checkpoint, int seed)
    {
        string folder = Directory.CreateTempSubdirectory("kills").FullName;
        try
        {
            string runs = Path.Combine(folder, "run");
            var whole = new Life(checkpoint, Path.Combine(folder, "whole"));
            string expected = whole.ToEnd();
            string Differences(Life other, string found) => $"{found}; {expected} was expected\nwhole run:\n{string.Join('\n', whole.Numbers.Except(other.Numbers))}"
                + $"\nthis run:\n{string.Join('\n', other.Numbers.Except(whole.Numbers))}";
            // A life is half of the run at most, so that a run takes several.
            int longest = Math.Max(1, (int)whole.Time.TotalMilliseconds / 2);
            var random = new Random(seed);
            int kills = 0, asked = 0, resumed = 0, finished = 0;
            var told = new List<string>();
            while (kills < count)
            {
                bool asks = random.Next(OneInFiveIsAsked) == 0;
                var life = new Life(checkpoint, runs);
                string? last = life.KillAfter(random.Next(longest), asks);
                told.Add($"life {told.Count + 1}: from step {life.FirstStep}, {(asks ? "SIGTERM" : "SIGKILL")}: {life.Last}{life.Warnings}");
                if (last is not null)
                {
                    finished++;
                    if (last != expected) return Fail($"after {kills} kills the run ended with {Differences(life, last)}\n{string.Join('\n', told)}");
                    Directory.Delete(runs, recursive: true);
                    told.Clear();
                }
                else if (!life.WasKilled)
                {
                    return Fail($"a process ended by itself with {life.ExitCode}\n{string.Join('\n', told)}");
                }
                else
                {
                    kills++;
                    if (asks && life.ExitCode != 0) return Fail($"a process that was asked to end ended with {life.ExitCode}: {life.Last}");
                    if (asks) asked++;
                }
                if (life.FirstStep > 1) resumed++;
            }
            var ending = new Life(checkpoint, runs);
            string end = ending.ToEnd();
            if (end != expected) return Fail($"the last run ended with {Differences(ending, end)}\n{string.Join('\n', told)}");
            if (ending.FirstStep > 1) resumed++;
            if (resumed == 0) return Fail($"after {kills} kills no run went on from a checkpoint\n{string.Join('\n', told)}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kills} kills ({asked} of them by SIGTERM), {resumed} runs went on from a checkpoint, {finished + 1} came to their end: each with the hash of the whole run, {expected}"));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }

    /// <summary>One process.</summary>
    private sealed class Life(string checkpoint, string folder)
    {
        /// <summary>The first step that it did; 0: none.</summary>
        public int FirstStep { get; private set; }

        /// <summary>From its first step to its end.</summary>
        public TimeSpan Time { get; private set; }

        public int ExitCode { get; private set; }

        /// <summary>Whether it was alive when it was to be killed.</summary>
        public bool WasKilled { get; private set; }

        /// <summary>What went into the second part of the hash, line by line.</summary>
        public List<string> Numbers { get; } = [];

        /// <summary>What its run warned of.</summary>
        public string? Warnings { get; private set; }

        /// <summary>Its last line.</summary>
        public string? Last { get; private set; }

        public string ToEnd() => KillAfter(null, false) ?? throw new InvalidOperationException("nobody killed the process, and it did not come to its end");

        /// <returns>The hash of the run that it ended; null: it was killed before.</returns>
        public string? KillAfter(int? milliseconds, bool asks)
        {
            using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Arguments(), "kill-worker", checkpoint, folder]) { RedirectStandardOutput = true })!;
            using var begun = new ManualResetEventSlim();
            string? hash = null;
            process.OutputDataReceived += (_, line) =>
            {
                if (line.Data?.Split(' ') is ["step", { } step] && FirstStep == 0) FirstStep = int.Parse(step, CultureInfo.InvariantCulture);
                if (line.Data?.Split(' ') is ["hash", { } found]) hash = found;
                if (line.Data?.StartsWith("number ", StringComparison.Ordinal) == true) Numbers.Add(line.Data);
                if (line.Data?.StartsWith("warnings", StringComparison.Ordinal) == true) Warnings = $" ({line.Data})";
                Last = line.Data ?? Last;
                // Null: the process has ended.
                if (FirstStep > 0 || hash is not null || line.Data is null) begun.Set();
            };
            process.BeginOutputReadLine();
            begun.Wait(Limit);
            long started = Stopwatch.GetTimestamp();
            if (milliseconds is { } wait && !process.WaitForExit(wait))
            {
                WasKilled = true;
                if (asks) Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
                else process.Kill();
            }
            if (!process.WaitForExit(Limit))
            {
                process.Kill();
                throw new InvalidOperationException($"the process did not end: {Last}");
            }
            // Once more, for the lines that are on their way.
            process.WaitForExit();
            (ExitCode, Time) = (process.ExitCode, Stopwatch.GetElapsedTime(started));
            return hash;
        }

        // The program is a file of its own, or run by dotnet.
        private static string[] Arguments() => Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [typeof(KillTest).Assembly.Location] : [];
    }
}
