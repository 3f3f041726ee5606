using System.Text.Json;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>Rows as given to the reference's trainers, and what of them is trained on: ids, targets, packed rows, positions.</summary>
public sealed class GoldenEncodingTests
{
    private const long NoTarget = -100;

    public static TheoryData<string> Runs() => Goldens.Folder("preference", "runs") is not { } runs ? []
        : [.. Directory.GetDirectories(runs).Where(run => File.Exists(Path.Combine(run, "rows.json"))).Select(run => Path.GetFileName(run)).Order(StringComparer.Ordinal)];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Runs))]
    public void Ids_and_targets_equal_those_of_the_reference(string run)
    {
        string folder = Goldens.Require("preference", "runs", run);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Goldens.Require("preference", "tokenizer"));
        JsonElement golden = Read(Path.Combine(folder, "golden.json")), given = golden.GetProperty("arguments");
        JsonRow[] rows = [.. JsonFile.Read(Path.Combine(folder, "rows.json"))];
        JsonElement[] expected = [.. golden.GetProperty("dataset_after_preparation").EnumerateArray()];
        var report = new EncodingReport();
        if (rows[0].Has("chosen") || rows[0].Has("label")) Preferences(rows, expected, tokenizer, given, report);
        else Supervised(run, rows, expected, tokenizer, given, report);
    }

    private static void Supervised(string run, JsonRow[] rows, JsonElement[] expected, PretrainedTokenizer tokenizer, JsonElement given, EncodingReport report)
    {
        PackingStrategy packing = Strategy(given);
        bool everything = !Flag(given, "assistant_only_loss") && (rows[0].Has("text") || rows[0].Has("messages") || (given.TryGetProperty("completion_only_loss", out JsonElement only) && !only.GetBoolean()));
        int length = given.TryGetProperty("max_length", out JsonElement maximum) && maximum.ValueKind == JsonValueKind.Number ? maximum.GetInt32() : 4096;
        var encoding = new CausalEncoding(tokenizer, new CausalRules(length, everything ? LearnedTokens.Everything : LearnedTokens.Answers, LostTargets.Skip, packing));
        List<EncodedRow> texts = [.. rows.Select(row => Encode(row, encoding, report)).OfType<EncodedRow>()];
        CausalRow[] own = [.. CausalPacking.Rows(texts, length, packing).Cast<CausalRow>()];
        Assert.Equal(expected.Length, own.Length);
        for (int i = 0; i < own.Length; i++)
        {
            Assert.Equal(Numbers(expected[i].GetProperty("input_ids")), own[i].TokenIds.Select(id => (long)id));
            if (expected[i].TryGetProperty("seq_lengths", out JsonElement lengths)) Assert.Equal(Numbers(lengths), own[i].Starts.Select((start, k) => (long)((k + 1 < own[i].Starts.Length ? own[i].Starts[k + 1] : own[i].Length) - start)));
            long[] labels = Numbers(expected[i].GetProperty("labels"));
            for (int k = 0; k < labels.Length; k++)
            {
                // The first token of a text is no target, whatever the label says; a line end behind the end token is written by nobody.
                if (own[i].Starts.Contains(k) || (!everything && labels[k] != NoTarget && k > 0 && own[i].TokenIds[k - 1] == tokenizer.TokenId("<|im_end|>"))) continue;
                Assert.True(own[i].Learned[k] == (labels[k] != NoTarget), $"{run}, row {i}, token {k} ('{tokenizer.Token(own[i].TokenIds[k])}')");
            }
        }
        Batches(run, own, given, tokenizer);
    }

    private static void Batches(string run, CausalRow[] rows, JsonElement given, PretrainedTokenizer tokenizer)
    {
        int size = given.GetProperty("per_device_train_batch_size").GetInt32(), next = 0, compared = 0;
        foreach (string line in File.ReadLines(Path.Combine(Goldens.Require("preference", "runs", run), "batches.jsonl")))
        {
            if (next + size > rows.Length) break;
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement batch = json.RootElement;
            CausalRow[] taken = rows[next..(next += size)];
            bool flat = batch.TryGetProperty("position_ids", out JsonElement positions);
            CausalArrays arrays = flat ? CausalArrays.Flattened(taken) : CausalArrays.Of(taken, taken.Max(row => row.Length), tokenizer.PadId!.Value);
            Assert.Equal(batch.GetProperty("input_ids").EnumerateArray().SelectMany(Numbers), arrays.Ids);
            if (flat) Assert.Equal(Numbers(positions[0]), arrays.Positions);
            if (batch.TryGetProperty("seq_idx", out JsonElement segments)) Assert.Equal(Numbers(segments[0]), arrays.Segments);
            Assert.Equal(arrays.Targets, arrays.Predicting.Select(index => arrays.Ids[index + 1]));
            Assert.Equal(taken.Sum(row => row.TargetCount), arrays.Targets.Count);
            compared++;
        }
        Assert.True(compared > 0);
    }

    private static void Preferences(JsonRow[] rows, JsonElement[] expected, PretrainedTokenizer tokenizer, JsonElement given, EncodingReport report)
    {
        int maximum = given.GetProperty("max_length") is { ValueKind: JsonValueKind.Number } length ? length.GetInt32() : 4096;
        // A reward is read behind the last token: such rows are never cut, and the reference leaves long ones out.
        bool whole = !rows[0].Has("label") && expected[0].TryGetProperty("chosen_ids", out _) && !expected[0].TryGetProperty("prompt_ids", out _);
        var rules = new CausalRules(whole ? 4096 : maximum, LearnedTokens.Answers, LostTargets.Skip, PackingStrategy.None);
        bool shares = expected[0].TryGetProperty("prompt_ids", out _);
        var encoding = new PreferenceEncoding(new CausalEncoding(tokenizer, rules), new PreferenceLint(), shares);
        if (rows[0].Has("label"))
        {
            LabeledRow[] labeled = [.. UnpairedPreferences.From(rows).Select(row => encoding.Encode(row, report)).OfType<LabeledRow>()];
            Assert.Equal(expected.Length, labeled.Length);
            for (int i = 0; i < labeled.Length; i++)
            {
                Assert.Equal(expected[i].GetProperty("label").GetBoolean(), labeled[i].IsDesirable);
                Same(expected[i], "prompt_ids", "completion_ids", labeled[i].Row);
                // Within a batch each prompt meets the completion of the row before it, the first that of the last.
                int size = given.GetProperty("per_device_train_batch_size").GetInt32(), first = i / size * size, last = Math.Min(first + size, labeled.Length) - 1;
                labeled[i].Meet(labeled[i == first ? last : i - 1], rules.MaximumLength);
                Same(expected[i], "prompt_ids", "KL_completion_ids", labeled[i].Mismatch!);
            }
            return;
        }
        PairRow[] pairs = [.. PreferencePairs.From(rows).Select(row => encoding.Encode(row, report)).OfType<PairRow>().Where(pair => Math.Max(pair.Chosen.Length, pair.Rejected.Length) <= maximum || !whole)];
        Assert.Equal(expected.Length, pairs.Length);
        for (int i = 0; i < pairs.Length; i++)
        {
            Assert.Equal(rows.First(row => row.Has("margin") == pairs[i].Margin.HasValue).Has("margin"), pairs[i].Margin.HasValue);
            if (expected[i].TryGetProperty("prompt_ids", out _))
            {
                Same(expected[i], "prompt_ids", "chosen_ids", pairs[i].Chosen);
                Same(expected[i], "prompt_ids", "rejected_ids", pairs[i].Rejected);
            }
            else
            {
                foreach ((string side, CausalRow row) in new[] { ("chosen", pairs[i].Chosen), ("rejected", pairs[i].Rejected) })
                {
                    if (!expected[i].TryGetProperty($"{side}_input_ids", out JsonElement ids) && !expected[i].TryGetProperty($"{side}_ids", out ids)) continue;
                    Assert.Equal(Numbers(ids), row.TokenIds.Select(id => (long)id));
                    if (expected[i].TryGetProperty($"{side}_labels", out JsonElement labels)) Assert.Equal(Numbers(labels).Select(label => label != NoTarget), row.Learned);
                }
            }
        }
    }

    private static void Same(JsonElement expected, string prompt, string completion, CausalRow row)
    {
        long[] before = Numbers(expected.GetProperty(prompt)), after = Numbers(expected.GetProperty(completion));
        long[] whole = [.. before, .. after];
        // The reference cuts while it collates, ours while it encodes.
        Assert.Equal(whole.Take(row.Length), row.TokenIds.Select(id => (long)id));
        Assert.Equal(Array.IndexOf(row.Learned, true), before.Length);
    }

    private static CausalRow? Encode(JsonRow row, CausalEncoding encoding, EncodingReport report)
    {
        if (row.Has("text")) return row["text"].Length == 0 ? null : encoding.Encode(row["text"], report);
        return row.Has("messages") ? encoding.Encode(Conversations.From([row]).Single(), report) : encoding.Encode(PromptCompletions.From([row]).Single(), report);
    }

    private static PackingStrategy Strategy(JsonElement given) => Flag(given, "padding_free") ? PackingStrategy.PaddingFree
        : !Flag(given, "packing") ? PackingStrategy.None
        : given.GetProperty("packing_strategy").GetString() switch
        {
            "bfd_split" => PackingStrategy.Split,
            "wrapped" => PackingStrategy.Wrapped,
            _ => PackingStrategy.Whole,
        };

    private static bool Flag(JsonElement given, string name) => given.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    private static long[] Numbers(JsonElement values) => [.. values.EnumerateArray().Select(value => value.GetInt64())];

    private static JsonElement Read(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        return document.RootElement.Clone();
    }
}
