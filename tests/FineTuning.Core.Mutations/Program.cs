using System.Globalization;
using System.Text.Json;
using FineTuning.Mutations;

// mutations run [--minutes N] [--only ID,ID]: plants the bugs of bugs.json one by one and runs the laws of FineTuning.Testing.Tests; goes on where it was.
// mutations report: what was caught so far. mutations fresh: forgets all results.
string repository = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(repository, "FineTuning.Core.sln"))) repository = Path.GetDirectoryName(repository) ?? throw new InvalidOperationException("this is no clone of the repository");
string folder = Path.Combine(repository, "artifacts", "mutations"), file = Path.Combine(folder, "results.jsonl");
IReadOnlyList<PlantedBug> bugs = PlantedBug.All(Path.Combine(AppContext.BaseDirectory, "bugs.json"));
string verb = args.FirstOrDefault() ?? "report";
if (verb == "fresh" && Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
try
{
    if (verb == "run") Run();
    Report();
    return 0;
}
catch (InvalidOperationException problem)
{
    Console.Error.WriteLine(problem.Message);
    return 2;
}

void Run()
{
    double minutes = double.Parse(Option("--minutes") ?? "1000", CultureInfo.InvariantCulture);
    string[]? only = Option("--only")?.Split(',');
    DateTime end = DateTime.UtcNow.AddMinutes(minutes);
    var tree = new PlantedTree(repository, Path.Combine(folder, "tree"));
    string built = Path.Combine(folder, "built");
    if (!File.Exists(built))
    {
        tree.Build(bugs);
        if (tree.Run(null) is { Passed: false } broken) throw new InvalidOperationException($"the laws fail without any bug: {broken.Message}");
        File.WriteAllText(built, "");
    }
    Dictionary<string, Result> known = Results();
    foreach (PlantedBug bug in bugs.Where(bug => only?.Contains(bug.Id) ?? !known.ContainsKey(bug.Id)))
    {
        if (DateTime.UtcNow > end) return;
        LawRun run = tree.Run(bug.Id);
        File.AppendAllText(file, JsonSerializer.Serialize(new Result(bug.Id, !run.Passed, run.Message)) + "\n");
        Console.WriteLine($"{(run.Passed ? "MISSED" : "caught")} {bug.Id}: {(run.Passed ? bug.About : run.Message)}");
    }
}

void Report()
{
    Dictionary<string, Result> known = Results();
    foreach (PlantedBug bug in bugs.Where(bug => known.TryGetValue(bug.Id, out Result? result) && !result.Caught)) Console.WriteLine($"missed {bug.Id}: {bug.About}");
    Console.WriteLine($"{known.Values.Count(result => result.Caught)} of {known.Count} planted bugs were caught; {bugs.Count - known.Count} of {bugs.Count} were not tried yet");
}

Dictionary<string, Result> Results()
{
    var results = new Dictionary<string, Result>(StringComparer.Ordinal);
    if (!File.Exists(file)) return results;
    foreach (string line in File.ReadLines(file))
    {
        Result result = JsonSerializer.Deserialize<Result>(line)!;
        results[result.Bug] = result;
    }
    return results;
}

string? Option(string name)
{
    int index = Array.IndexOf(args, name);
    return index >= 0 && index + 1 < args.Length ? args[index + 1] : null;
}

/// <summary>What became of a bug.</summary>
internal sealed record Result(string Bug, bool Caught, string Message);
