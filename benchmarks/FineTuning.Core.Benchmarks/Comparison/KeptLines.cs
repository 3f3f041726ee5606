using System.Globalization;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Results of a command that is stopped and continued: a line each, of a key with tabs (what, data, technique, seed), a score and a note.</summary>
internal sealed class KeptLines
{
    private readonly string _path;
    private readonly List<(string Key, double Score, string Note)> _lines = [];

    public KeptLines(string path)
    {
        _path = path;
        if (!File.Exists(path)) return;
        foreach (string[] parts in File.ReadLines(path).Select(line => line.Split('\t')).Where(parts => parts.Length >= 6))
            _lines.Add((string.Join('\t', parts[..4]), double.Parse(parts[4], CultureInfo.InvariantCulture), parts[5]));
    }

    /// <summary>All that is there: key, score, note.</summary>
    public IReadOnlyList<(string Key, double Score, string Note)> Lines => _lines;

    public bool Has(string key) => _lines.Exists(line => line.Key == key);

    /// <summary>Computes what is not there yet.</summary>
    public void Once(string key, Func<(double Score, string Note)> compute)
    {
        if (Has(key)) return;
        (double score, string note) = compute();
        Add(key, score, note);
    }

    public void Add(string key, double score, string note)
    {
        _lines.Add((key, score, note));
        string line = string.Create(CultureInfo.InvariantCulture, $"{key}\t{score:0.###}\t{note}");
        File.AppendAllText(_path, line + "\n");
        Console.WriteLine(line);
    }

    /// <summary>Mean and spread over the seeds, by what, data and technique; then the mean of the means over the data.</summary>
    public void Print()
    {
        (string Name, string Technique, double Mean)[] means = [.. _lines.GroupBy(line => line.Key[..line.Key.LastIndexOf('\t')]).Select(group =>
        {
            double mean = group.Average(line => line.Score), spread = group.Count() < 2 ? 0 : Math.Sqrt(group.Sum(line => Math.Pow(line.Score - mean, 2)) / (group.Count() - 1));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group.Key.Replace('\t', ' ')}: {mean:0.00} +- {spread:0.00} over {group.Count()}"));
            string[] parts = group.Key.Split('\t');
            return (parts[0], parts[2], mean);
        })];
        foreach (IGrouping<(string, string), (string Name, string Technique, double Mean)> group in means.GroupBy(mean => (mean.Name, mean.Technique)))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group.Key.Item1}, {group.Key.Item2}: {group.Average(mean => mean.Mean):0.00} over {group.Count()} sets"));
    }
}
