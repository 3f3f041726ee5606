namespace FineTuning.Fuzz;

/// <summary>Of many inputs, few that reach the same: the smallest first.</summary>
internal static class Minimizer
{
    public static void Run(FuzzTarget target, string from, string to, int mostBytes)
    {
        var coverage = new Coverage();
        Directory.CreateDirectory(to);
        int bytes = 0, kept = 0;
        foreach (string file in Directory.GetFiles(from).Where(file => !file.EndsWith(".txt", StringComparison.Ordinal)).OrderBy(file => new FileInfo(file).Length))
        {
            string input = File.ReadAllText(file);
            Coverage.Clear();
            try
            {
                target.Run(input);
            }
            catch (Exception fault)
            {
                Console.WriteLine($"{Path.GetFileName(file)}: {fault.GetType().Name}: {fault.Message}");
            }
            int before = coverage.Found;
            coverage.IsNew();
            // Branches count here, not how often they were taken: that would keep ten times as many.
            if (coverage.Found == before || bytes + input.Length > mostBytes) continue;
            bytes += input.Length;
            kept++;
            File.WriteAllText(Path.Combine(to, Supervisor.NameOf(input)), input);
        }
        Console.WriteLine($"{target.Name}: {kept} inputs of {bytes} characters, {coverage.Found} branches");
    }
}
