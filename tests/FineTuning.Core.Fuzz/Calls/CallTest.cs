using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using FineTuning.Tensors;

namespace FineTuning.Fuzz;

/// <summary>Every call with one bad argument, in a process that is started again after the call that ended it.</summary>
internal static class CallTest
{
    private const string NullsAlone = "nulls";
    private const int MostDeaths = 100;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    /// <summary>Calls from a member, and of that from a number.</summary>
    public static int Work(int member, int from, string state, string? only)
    {
        bool nullsAlone = only == NullsAlone;
        if (nullsAlone) only = null;
        TimeSpan processor = default;
        using var watchdog = new Timer(_ =>
        {
            if (Environment.CpuUsage.TotalTime - processor > Longest) Environment.Exit(Worker.Hung);
        });
        FineTuningRuntime.Load();
        for (int calls = 0, bad = 0; member < Surface.Members.Count; member++, from = 0)
        {
            MethodBase called = Surface.Members[member];
            if (only is not null && !Surface.Name(called).Contains(only, StringComparison.Ordinal)) continue;
            int number = -1;
            Begin("as it should be");
            if (from == 0 && Calls.Right(called) is { } wrong) Console.WriteLine($"(not called rightly) {Surface.Name(called)}: {wrong}");
            foreach (BadCall call in Calls.Wrong(called, variant => ++number >= from && (!nullsAlone || variant.ForbiddenNull), Begin))
            {
                bad++;
                Console.WriteLine($"{call.Member}: {call.Arguments}: {call.Problem}");
            }

            void Begin(string call)
            {
                if (number >= 0) calls++;
                File.WriteAllText(state, string.Create(CultureInfo.InvariantCulture, $"{member}\n{number}\n{calls}\n{bad}\n{Surface.Name(called)}: {Worker.Storable(call)}"));
                processor = Environment.CpuUsage.TotalTime;
                watchdog.Change(Longest, TimeSpan.FromSeconds(1));
            }
        }
        return 0;
    }

    /// <summary>Runs all.</summary>
    /// <param name="only">A part of a member's name; null: all.</param>
    /// <returns>How many ended badly.</returns>
    public static int Supervise(string? only)
    {
        string state = Path.Combine(Directory.CreateTempSubdirectory("calls").FullName, "state");
        File.WriteAllText(state, "0\n-1\n0\n0\nnothing");
        long start = Stopwatch.GetTimestamp();
        int calls = 0, bad = 0, deaths = 0, member = 0, from = 0;
        while (deaths < MostDeaths)
        {
            using Process worker = Supervisor.Child(["calls-worker", $"{member}", $"{from}", state, .. only is null ? Array.Empty<string>() : [only]], redirect: false);
            worker.WaitForExit();
            string[] parts = File.ReadAllText(state).Split('\n', 5);
            int[] numbers = [.. parts[..4].Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
            (member, from, calls, bad) = (numbers[0], numbers[1] + 1, calls + numbers[2], bad + numbers[3]);
            if (worker.ExitCode == 0) break;
            deaths++;
            Console.WriteLine($"{(worker.ExitCode == Worker.Hung ? "HUNG" : $"DIED with {worker.ExitCode}")}: {parts[4]}");
            // Where the right call ends the process, those of the member are not tried.
            if (numbers[1] < 0) (member, from) = (member + 1, 0);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{calls} calls of {Surface.Members.Count} members: {deaths} deaths or hangs, {bad} other faults ({Stopwatch.GetElapsedTime(start).TotalSeconds:0} s)"));
        return bad + deaths;
    }
}
