using System.Globalization;

namespace FineTuning.Processes;

/// <summary>
/// A run in a process that is killed at random moments, by SIGKILL or asked to end by SIGTERM, and started again each time: it ends with the bits of the run that nobody
/// killed. Then it begins anew, until there were as many kills as were asked for.
/// </summary>
internal static class KillTest
{
    private const int OneInFiveIsAsked = 5;

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
        private readonly Worker _worker = new("kill-worker", checkpoint, folder);

        /// <summary>The first step that it did; 0: none.</summary>
        public int FirstStep => Said("step ") is { } step ? int.Parse(step, CultureInfo.InvariantCulture) : 0;

        /// <summary>From its first step to its end.</summary>
        public TimeSpan Time => _worker.Time;

        public int ExitCode => _worker.ExitCode;

        /// <summary>Whether it was alive when it was to be killed.</summary>
        public bool WasKilled => _worker.WasKilled;

        /// <summary>What went into the second part of the hash, line by line.</summary>
        public IEnumerable<string> Numbers => _worker.Lines.Where(line => line.StartsWith("number ", StringComparison.Ordinal));

        /// <summary>What its run warned of.</summary>
        public string? Warnings => Said("warnings ") is { } warnings ? $" (warnings {warnings})" : null;

        /// <summary>Its last line.</summary>
        public string? Last => _worker.Lines.Count > 0 ? _worker.Lines[^1] : null;

        public string ToEnd() => KillAfter(null, false) ?? throw new InvalidOperationException("nobody killed the process, and it did not come to its end");

        /// <returns>The hash of the run that it ended; null: it was killed before.</returns>
        public string? KillAfter(int? milliseconds, bool asks)
        {
            _worker.Run(line => line.StartsWith("step ", StringComparison.Ordinal) || line.StartsWith("hash ", StringComparison.Ordinal), milliseconds, asks);
            return Said("hash ");
        }

        // The rest of the first line that begins so.
        private string? Said(string beginning) =>
            _worker.Lines.FirstOrDefault(line => line.StartsWith(beginning, StringComparison.Ordinal)) is { } line ? line[beginning.Length..] : null;
    }
}
