using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Text;
using Ml = Microsoft.ML.Tokenizers;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>
/// The tokenizers that a .NET developer may choose from, in one process, on the same real lines with the same real vocabularies, one thread, warm, in turns: ids with
/// offsets where a library gives them, and ids alone by each library's fastest call. Each figure is the median of its rounds, in tokens that this library finds; beside
/// it the share of lines on which the ids are the same.
/// </summary>
internal static class NeighboursCommand
{
    private const int Passes = 3;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    public static void Run(Arguments arguments)
    {
        int rounds = arguments.Number("rounds", 9);
        string only = arguments.Text("only", "");
        string root = Directory.CreateTempSubdirectory("pipelines").FullName;
        string[] english = TokenizeCommand.Novels("84", "1342", "1661"), chinese = TokenizeCommand.Reviews();
        Console.WriteLine("pipeline           library                  mode        M tokens/s   bytes/token   same ids");
        foreach ((string name, string folder) in RealPipelines.Write(root, all: true))
        {
            if (only.Length > 0 && only != name) continue;
            string[] lines = name is "unigram" or "wordpiece-chinese" ? chinese : english;
            PretrainedTokenizer own = PretrainedTokenizer.Load(folder);
            int[][] expected = [.. lines.Select(line => own.EncodeIds(line, addSpecialTokens: false))];
            long tokens = expected.Sum(ids => (long)ids.Length);
            Measure(name, [.. Candidates(name, folder, own)], lines, expected, tokens, rounds);
        }
    }

    private static void Measure(string pipeline, Candidate[] candidates, string[] lines, int[][] expected, long tokens, int rounds)
    {
        var seconds = candidates.Select(_ => new List<double>()).ToArray();
        var bytes = new double[candidates.Length];
        foreach (Candidate candidate in candidates)
        {
            TimeSpan start = Environment.CpuUsage.TotalTime;
            while (Environment.CpuUsage.TotalTime - start < WarmUp) Pass(candidate, lines);
        }
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < candidates.Length; i++)
            {
                GC.Collect();
                // Processor time of the whole process: what else the machine does costs nothing, the collector does.
                long before = GC.GetAllocatedBytesForCurrentThread();
                TimeSpan start = Environment.CpuUsage.TotalTime;
                for (int pass = 0; pass < Passes; pass++) Pass(candidates[i], lines);
                seconds[i].Add((Environment.CpuUsage.TotalTime - start).TotalSeconds / Passes);
                bytes[i] = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Passes;
            }
        }
        for (int i = 0; i < candidates.Length; i++)
        {
            double median = seconds[i].Order().ElementAt(rounds / 2);
            int same = lines.Where((line, at) => candidates[i].Ids(line).SequenceEqual(expected[at])).Count();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{pipeline,-18} {candidates[i].Name,-24} {candidates[i].Mode,-10} {tokens / median / 1e6,11:0.00} {bytes[i] / tokens,13:0.0} {100.0 * same / lines.Length,9:0.00} %"));
        }
    }

    private static void Pass(Candidate candidate, string[] lines)
    {
        foreach (string line in lines) candidate.Work(line);
    }

    // Special tokens are left out everywhere: the libraries put different ones around a text. FastBertTokenizer cannot leave them out, and is compared without its edges.
    private static IEnumerable<Candidate> Candidates(string name, string folder, PretrainedTokenizer own)
    {
        string file = Path.Combine(folder, "tokenizer.json");
        var bare = new TokenizingOptions { AddSpecialTokens = false };
        var buffer = new int[1 << 16];
        yield return new("FineTuning.Text", "offsets", text => own.Encode(text, null, bare), text => own.Encode(text, null, bare).Ids);
        yield return new("FineTuning.Text", "ids", text => own.TryEncodeIds(text, buffer, out _, addSpecialTokens: false), text => own.EncodeIds(text, addSpecialTokens: false));

        var rust = new Tokenizers.DotNet.Tokenizer(file);
        IEnumerable<int> Rust(string text)
        {
            int[] ids = [.. rust.Encode(text).Select(id => (int)id)];
            return name.StartsWith("wordpiece", StringComparison.Ordinal) ? ids[1..^1] : ids;
        }
        yield return new("Tokenizers.DotNet", "ids", text => rust.Encode(text), Rust);

        if (name.StartsWith("wordpiece", StringComparison.Ordinal))
        {
            string vocabulary = Vocabulary(file);
            bool lower = !name.EndsWith("cased", StringComparison.Ordinal);
            var fast = new FastBertTokenizer.BertTokenizer();
            using (var reader = new StreamReader(vocabulary)) fast.LoadVocabulary(reader, convertInputToLowercase: lower);
            long[] ids = new long[1 << 16], mask = new long[1 << 16], types = new long[1 << 16];
            IEnumerable<int> Fast(string text)
            {
                int count = fast.Encode(text, ids, mask, types);
                return [.. ids.AsSpan(1, count - 2).ToArray().Select(id => (int)id)];
            }
            yield return new("FastBertTokenizer", "ids", text => fast.Encode(text, ids, mask, types), Fast);
            var settings = new Ml.BertOptions { LowerCaseBeforeTokenization = lower, RemoveNonSpacingMarks = lower };
            yield return Of(Ml.BertTokenizer.Create(vocabulary, settings), "ids");
            yield return Of(Ml.BertTokenizer.Create(vocabulary, settings), "offsets");
        }
        else if (MicrosoftModel(name, file) is { } tokenizer)
        {
            yield return Of(tokenizer, "ids");
            yield return Of(tokenizer, "offsets");
        }
    }

    private static Candidate Of(Ml.Tokenizer tokenizer, string mode)
    {
        IEnumerable<int> Ids(string text) => tokenizer is Ml.BertTokenizer bert ? bert.EncodeToIds(text, addSpecialTokens: false) : tokenizer.EncodeToIds(text);
        return new("Microsoft.ML.Tokenizers", mode, mode == "ids" ? text => Ids(text) : text => tokenizer.EncodeToTokens(text, out string? _), Ids);
    }

    private static Ml.Tokenizer? MicrosoftModel(string name, string file)
    {
        if (name != "byte-bpe")
        {
            string model = Path.Combine(Shared.Root, "vocab", name switch { "sentencepiece-bpe" => "llama2.model", "sentencepiece-bpe-large" => "mistral_v3.model", _ => "cluecorpussmall_spm.model" });
            using FileStream stream = File.OpenRead(model);
            return Ml.SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false);
        }
        JsonObject node = JsonNode.Parse(File.ReadAllText(file))!["model"]!.AsObject();
        var merges = new StringBuilder("#version: 0.2\n");
        foreach (JsonNode? merge in node["merges"]!.AsArray()) merges.Append(merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : merge!.ToString()).Append('\n');
        using var vocabulary = new MemoryStream(Encoding.UTF8.GetBytes(node["vocab"]!.ToJsonString()));
        using var ranks = new MemoryStream(Encoding.UTF8.GetBytes(merges.ToString()));
        return Ml.CodeGenTokenizer.Create(vocabulary, ranks, addPrefixSpace: false, addBeginOfSentence: false, addEndOfSentence: false);
    }

    private static string Vocabulary(string file)
    {
        string path = Path.Combine(Path.GetDirectoryName(file)!, "vocabulary.txt");
        JsonObject entries = JsonNode.Parse(File.ReadAllText(file))!["model"]!["vocab"]!.AsObject();
        File.WriteAllLines(path, entries.OrderBy(entry => (int)entry.Value!).Select(entry => entry.Key));
        return path;
    }

    /// <param name="Name">The library.</param>
    /// <param name="Mode">What is asked for.</param>
    /// <param name="Work">What is measured.</param>
    /// <param name="Ids">The ids, for comparing.</param>
    private sealed record Candidate(string Name, string Mode, Action<string> Work, Func<string, IEnumerable<int>> Ids);
}
