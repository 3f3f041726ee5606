using System.Globalization;
using FineTuning.Fuzz;

// TARGET [--seconds 1800] [--seed 1] [--corpus DIR] [--findings DIR] [--goldens DIR]: fuzzes; ends with 1 where something was found.
// mutants [KIND...] [--count 21500] [--seed 1] [--findings DIR]: a given number of mutants, shared by all kinds; ends with 1 where one ended badly.
// calls [MEMBER]: calls the whole public surface with arguments that nobody should give; ends with 1 where one ended badly.
// load [--seconds 60] [--threads 32]: many threads ask the same models; ends with 1 where an answer was wrong.
// kills [--count 100] [--seed 1]: kills saving processes. first: a task of one's own as the first code of a process. seeds TARGET DIR: writes what mutants start from.
// minimize TARGET FROM TO [BYTES]: keeps the inputs of a corpus that reach something; replay TARGET FILE...: runs inputs.
string repository = Find("FineTuning.Core.sln") ?? Environment.CurrentDirectory;
string Word(string name, string fallback) => Array.IndexOf(args, "--" + name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : fallback;
FuzzTarget Target(string name) => Targets.All.FirstOrDefault(target => target.Name == name) ?? throw new ArgumentException($"'{name}' was found where one of {string.Join(", ", Targets.All.Select(target => target.Name))} was expected");
int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);
string goldens = Environment.GetEnvironmentVariable("FINETUNING_GOLDENS") ?? Path.Combine(repository, "tests", "goldens");

switch (args.FirstOrDefault())
{
    case null:
        Console.Error.WriteLine($"usage: {string.Join(" | ", Targets.All.Select(target => target.Name))} [--seconds N] [--seed N] [--corpus DIR] [--findings DIR]");
        return 2;
    case "worker":
        new Worker(Target(args[1]), args[4], args[5], Number(args[3])).Run(Target(args[1]).Seeds(goldens), TimeSpan.FromSeconds(Number(args[2])));
        return 0;
    case "mutants":
        string[] kinds = [.. args.Skip(1).TakeWhile(word => !word.StartsWith("--", StringComparison.Ordinal)).Select(word => Target(word).Name)];
        string bad = Path.GetFullPath(Word("findings", Path.Combine(Path.GetTempPath(), "mutants")));
        if (Directory.Exists(bad)) Directory.Delete(bad, recursive: true);
        return Mutants.Supervise(kinds.Length > 0 ? kinds : [.. Targets.All.Select(target => target.Name)], Number(Word("count", "21500")), Number(Word("seed", "1")), bad) > 0 ? 1 : 0;
    case "mutants-worker":
        return Mutants.Work(Target(args[1]), [.. Target(args[1]).Seeds(goldens)], Number(args[2]), Number(args[3]), Number(args[4]), args[5]);
    case "kills":
        KillTest.Outcome kills = KillTest.Run(Number(Word("count", "100")), Number(Word("seed", "1")));
        Console.WriteLine($"{kills.Kills} kills after {kills.Saves} saves: each time the folder was one of the two models, whole; {kills.Leftovers} left a prepared save behind, all were cleared away");
        return 0;
    case "calls":
        return CallTest.Supervise(args.Length > 1 ? args[1] : null) > 0 ? 1 : 0;
    case "load":
        return LoadTest.Run(Number(Word("seconds", "60")), Number(Word("threads", "32"))) > 0 ? 1 : 0;
    case "calls-worker":
        return CallTest.Work(Number(args[1]), Number(args[2]), args[3], args.Length > 4 ? args[4] : null);
    case "saver":
        KillTest.Save(args[1], args[2], args[3]);
        return 0;
    case "first":
        return FirstTask.Run();
    case "seeds":
        Directory.CreateDirectory(args[2]);
        foreach (string input in Target(args[1]).Seeds(goldens)) File.WriteAllText(Path.Combine(args[2], Supervisor.NameOf(input)), input);
        return 0;
    case "minimize":
        if (AppContext.BaseDirectory.Contains("instrumented", StringComparison.Ordinal)) Minimizer.Run(Target(args[1]), args[2], args[3], args.Length > 4 ? Number(args[4]) : 200_000);
        else return Supervisor.Start(Supervisor.Instrumented(), args);
        return 0;
    case "replay":
        foreach (string file in args[2..]) Target(args[1]).Run(File.ReadAllText(file));
        return 0;
    default:
        string name = Target(args[0]).Name;
        string findings = Path.GetFullPath(Word("findings", Path.Combine(Path.GetTempPath(), "fuzz-findings", name)));
        string corpus = Path.GetFullPath(Word("corpus", Path.Combine(Path.GetTempPath(), "fuzz-corpus", name)));
        Environment.SetEnvironmentVariable("FINETUNING_GOLDENS", Path.GetFullPath(Word("goldens", goldens)));
        int died = Supervisor.Run(name, TimeSpan.FromSeconds(Number(Word("seconds", "1800"))), Number(Word("seed", "1")), corpus, findings);
        int found = Directory.GetFiles(findings).Count(file => !file.EndsWith(".txt", StringComparison.Ordinal) && Path.GetFileName(file) != "current");
        Console.WriteLine($"{name}: {found} findings, {died} processes died");
        return found > 0 ? 1 : 0;
}

static string? Find(string name)
{
    for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
    {
        if (File.Exists(Path.Combine(folder, name))) return folder;
    }
    return null;
}
