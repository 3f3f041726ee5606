using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Strategies;

/// <summary>What one run of a search came to.</summary>
/// <param name="Trial">The recipe's number.</param>
/// <param name="Rung">Which length, from 0 for the shortest.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Fold">Which part was evaluated on; 0 without cross-validation.</param>
/// <param name="Score">The metric. Null: the run failed.</param>
/// <param name="Seconds">What it took.</param>
/// <param name="Problem">Why it failed. Null: it did not.</param>
internal sealed record SearchEntry(int Trial, int Rung, long Seed, int Fold, double? Score, double Seconds, string? Problem = null)
{
    /// <summary>Which run it is.</summary>
    public (int, int, long, int) Key => (Trial, Rung, Seed, Fold);
}

/// <summary>A file of JSON lines: what a search depends on, then one line a run, each written before the next run begins.</summary>
/// <remarks>A line that a process did not live to finish is cut off.</remarks>
internal sealed class SearchJournal : IDisposable
{
    private const long Longest = 256L << 20;

    private readonly FileStream? _file;
    private readonly Dictionary<(int, int, long, int), SearchEntry> _known = [];

    /// <param name="path">Null: nothing is written.</param>
    /// <param name="search">What the search depends on, by name.</param>
    /// <exception cref="InvalidOptionsException">The file is that of another search, or no journal.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    public SearchJournal(string? path, JsonObject search)
    {
        if (path is null) return;
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            Read(path, search);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>A run that was done before. Null: it was not.</summary>
    public SearchEntry? Find((int, int, long, int) key) => _known.GetValueOrDefault(key);

    /// <summary>Keeps a run for good.</summary>
    public void Add(SearchEntry entry)
    {
        _known[entry.Key] = entry;
        Write(JsonSerializer.Serialize(entry));
    }

    public void Dispose() => _file?.Dispose();

    private void Write(string line)
    {
        if (_file is null) return;
        _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
        _file.Flush(flushToDisk: true);
    }

    private void Read(string path, JsonObject search)
    {
        if (_file!.Length > Longest) throw Wrong(path, $"it has {_file.Length} bytes; {Longest} are allowed");
        byte[] bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        string[] lines = Encoding.UTF8.GetString(bytes, 0, end).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        try
        {
            if (lines.Length > 0) Compare(path, search, JsonNode.Parse(lines[0]) as JsonObject ?? throw new JsonException("the first line is no object"));
            foreach (string line in lines.Skip(1))
            {
                SearchEntry entry = JsonSerializer.Deserialize<SearchEntry>(line) ?? throw new JsonException("a line is null");
                _known[entry.Key] = entry;
            }
        }
        catch (Exception failure) when (failure is JsonException or NotSupportedException)
        {
            throw Wrong(path, failure.Message);
        }
        _file.SetLength(end);
        _file.Position = end;
        if (lines.Length == 0) Write(search.ToJsonString());
    }

    private static void Compare(string path, JsonObject search, JsonObject stored)
    {
        string[] differing = [.. search.Select(pair => pair.Key).Union(stored.Select(pair => pair.Key))
            .Where(key => !JsonNode.DeepEquals(search[key], stored[key]))];
        if (differing.Length == 0) return;
        throw Wrong(path, $"it is that of another search, which differs in {string.Join(", ", differing)}; give another file, or the same search");
    }

    private static InvalidOptionsException Wrong(string path, string problem) => new([$"the journal '{path}' cannot be continued: {problem}"]);
}
