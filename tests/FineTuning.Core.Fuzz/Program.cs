using System.Globalization;
using FineTuning.Fuzz;

// TARGET [--seconds 1800] [--seed 1] [--corpus DIR] [--findings DIR] [--goldens DIR]: fuzzes; ends with 1 where something was found.
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
