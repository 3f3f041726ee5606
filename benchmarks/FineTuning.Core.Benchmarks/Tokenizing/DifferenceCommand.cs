using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Errors;
using FineTuning.Testing;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>
/// Generated texts of all of Unicode, and pairs of them, through every tokenizer.json of the goldens and those of the real vocabularies, here and in npm's tokenizers: ids, offsets,
/// types, words, special masks and decoded text. With <c>--mixed N</c>, through so many pipelines that are put together from the parts of those. Both sides give a digest for each
/// block; only where digests differ are rows exchanged. Prints the number of differences, and the first of each pipeline.
/// </summary>
internal static class DifferenceCommand
{
    private const int Block = 500, Columns = 6;

    public static void Run(Arguments arguments)
    {
        int count = arguments.Number("texts", 1_000_000), seed = arguments.Number("seed", 1), shown = arguments.Number("show", 2);
        string only = arguments.Text("only", "");
        IReadOnlyList<(string Name, string File)> pipelines = [.. Pipelines(arguments.Text("goldens", Path.Combine(Shared.Root, "goldens", "tokenizers"))).Where(pipeline => only.Length == 0 || pipeline.Name == only)];
        if (arguments.Number("mixed", 0) is > 0 and int mixed) pipelines = [.. MixedPipelines.Write(Directory.CreateTempSubdirectory("mixed").FullName, pipelines, mixed, seed)];
        int share = (count + pipelines.Count - 1) / pipelines.Count;
        using var reference = new ReferenceServer();
        long start = Stopwatch.GetTimestamp(), compared = 0, different = 0;
        foreach ((string name, string file) in pipelines)
        {
            if (Compare(reference, name, file, share, seed++, shown) is not { } found) continue;
            compared += share;
            different += found;
            if (found > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {found} of {share} differ"));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{compared} texts through {pipelines.Count} pipelines in {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s: {different} differences"));
    }

    // A tokenizer.json by itself is what both sides take as it stands; the settings beside it are transformers' affair.
    private static IEnumerable<(string Name, string File)> Pipelines(string goldens)
    {
        string root = Directory.CreateTempSubdirectory("pipelines").FullName;
        foreach (string folder in Directory.GetDirectories(goldens).Order(StringComparer.Ordinal))
        {
            string file = Path.Combine(folder, "tokenizer.json"), copy = Path.Combine(root, Path.GetFileName(folder));
            if (!File.Exists(file)) continue;
            Directory.CreateDirectory(copy);
            File.Copy(file, Path.Combine(copy, "tokenizer.json"));
            yield return (Path.GetFileName(folder), Path.Combine(copy, "tokenizer.json"));
        }
        foreach ((string name, string folder) in RealPipelines.Write(Path.Combine(root, "real"), all: true)) yield return ("real " + name, Path.Combine(folder, "tokenizer.json"));
    }

    // Decoding ends the reference's process where its Strip meets an empty token; then rows are compared without decoded texts.
    private static int? Compare(ReferenceServer reference, string name, string file, int count, int seed, int shown)
    {
        foreach (bool decodes in new[] { true, false })
        {
            try
            {
                return Compare(reference, name, file, count, seed, shown, decodes);
            }
            catch (ReferenceEndedException)
            {
                Console.WriteLine($"{name}: the reference's process has ended{(decodes ? "; the texts are compared again without decoding" : ", without decoding as well")}");
            }
        }
        return null;
    }

    // Null where one side does not take the file.
    private static int? Compare(ReferenceServer reference, string name, string file, int count, int seed, int shown, bool decodes)
    {
        string? refused = reference.Load(file, decodes);
        PretrainedTokenizer tokenizer;
        try
        {
            tokenizer = PretrainedTokenizer.Load(Path.GetDirectoryName(file)!);
        }
        catch (CheckpointException fault)
        {
            Console.WriteLine($"{name}: refused here: {fault.Message}; there: {refused ?? "taken"}");
            return null;
        }
        if (refused is not null)
        {
            Console.WriteLine($"{name}: taken here, refused there: {refused}");
            return null;
        }
        var texts = new RandomTexts(seed, Words(tokenizer, seed));
        int different = 0;
        for (int done = 0; done < count; done += Block)
        {
            string[] some = texts.Take(Math.Min(Block, count - done));
            // A third of the blocks are of pairs.
            (string Text, string? Pair)[] block = [.. some.Select((text, i) => (text, ((done / Block) + seed) % 3 == 2 ? some[some.Length - 1 - i] : null))];
            reference.Ask(block, rows: false);
            int[][] ours = [.. block.Select(row => Row(tokenizer, row.Text, row.Pair, decodes))];
            if (Digest(ours) == reference.Digest()) continue;
            reference.Ask(block, rows: true);
            int[][] theirs = reference.Rows();
            for (int i = 0; i < block.Length; i++)
            {
                if (ours[i].AsSpan().SequenceEqual(theirs[i]) || IsRenamed(tokenizer, ours[i], theirs[i])) continue;
                if (different++ < shown) Console.WriteLine($"{name}: {Escape(block[i].Text)}{(block[i].Pair is { } pair ? $" | {Escape(pair)}" : "")}\n   ours   {Describe(ours[i], theirs[i])}\n   theirs {Describe(theirs[i], ours[i])}");
            }
        }
        return different;
    }

    // Added tokens all, of a vocabulary a sample.
    private static List<string> Words(PretrainedTokenizer tokenizer, int seed)
    {
        List<string> words = [.. tokenizer.Parts.AddedTokens.Select(token => token.Content)];
        string[] vocabulary = [.. tokenizer.Parts.Model.Vocabulary.Keys.Order(StringComparer.Ordinal)];
        var random = new Random(seed);
        for (int i = 0; i < 200 && vocabulary.Length > 0; i++) words.Add(vocabulary[random.Next(vocabulary.Length)]);
        return words;
    }

    private static int[] Row(PretrainedTokenizer tokenizer, string text, string? pair, bool decodes)
    {
        TokenizedText row;
        try
        {
            row = tokenizer.Encode(text, pair);
        }
        catch (TokenizationException)
        {
            return [-1];
        }
        int[] points = CodePoints(text), others = CodePoints(pair ?? "");
        int Point(int place, int index) => row.SequenceIds[place] == 1 ? others[index] : points[index];
        string decoded = decodes ? tokenizer.Decode(row.Ids, skipSpecialTokens: false, cleanUp: false) : "";
        return
        [
            row.Ids.Length, .. row.Ids, .. row.Starts.Select((start, i) => Point(i, start)), .. row.Ends.Select((end, i) => Point(i, end)),
            .. row.TypeIds, .. row.WordIds, .. row.Special.Select(special => special ? 1 : 0), .. decoded,
        ];
    }

    // The number of code points before each index; in the middle of a pair, the pair counts.
    private static int[] CodePoints(string text)
    {
        var points = new int[text.Length + 1];
        for (int i = 0; i < text.Length; i++) points[i + 1] = points[i] + (i > 0 && char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1]) ? 0 : 1);
        return points;
    }

    private static string Digest(int[][] rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int[] row in rows) hash.AppendData(MemoryMarshal.AsBytes(row.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // The 0.23 line decodes an added token that is normalized in its normalized form, as 0.22 and transformers' own do not; and then it is another word to the decoder.
    private static bool IsRenamed(PretrainedTokenizer tokenizer, int[] ours, int[] theirs)
    {
        int count = ours[0], fixedLength = 1 + (Columns * count);
        return count == theirs[0] && ours.AsSpan(0, fixedLength).SequenceEqual(theirs.AsSpan(0, fixedLength))
            && tokenizer.Parts is { Normalizer: not null } parts && parts.AddedTokens.Any(token => token.Normalized && Array.IndexOf(ours, token.Id, 1, count) > 0);
    }

    // The tokens from the first that differs; where none does, the decoded text.
    private static string Describe(int[] row, int[] other)
    {
        if (row[0] < 0) return "refused";
        string[] tokens = Tokens(row), others = other[0] < 0 ? [] : Tokens(other);
        int same = tokens.Zip(others).TakeWhile(pair => pair.First == pair.Second).Count();
        return same == tokens.Length && same == others.Length ? $"'{Escape(string.Concat(row[(1 + (Columns * row[0]))..].Select(unit => (char)unit)))}'" : $"{same} tokens, then {string.Join(", ", tokens.Skip(same).Take(6))}";
    }

    private static string[] Tokens(int[] row) => [.. Enumerable.Range(1, row[0]).Select(i => $"{row[i]}@{row[i + row[0]]}-{row[i + (2 * row[0])]} type {row[i + (3 * row[0])]} word {row[i + (4 * row[0])]}{(row[i + (5 * row[0])] == 1 ? " special" : "")}")];

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (char character in text) escaped.Append(character is >= ' ' and <= '~' and not '\\' ? character.ToString() : $"\\u{(int)character:X4}");
        return escaped.ToString();
    }
}
