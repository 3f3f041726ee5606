using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Tests.Text;

/// <summary>Compares one record after the other with what a tokenizer gives.</summary>
internal sealed partial class GoldenRunner(PretrainedTokenizer tokenizer, string[] texts)
{
    public List<string> Failures { get; } = [];

    public int Checked { get; private set; }

    /// <summary>
    /// A record holds what the newest reference gives and, where they differ, what the file alone ("bare") and the older line ("v4") give; the page of the
    /// goldens says which of the three is right for which pipeline. What none of the three gives is a difference.
    /// </summary>
    public void Check(JsonElement record)
    {
        int before = Failures.Count;
        CheckAgainst(record);
        if (Failures.Count == before) return;
        if (FollowsFile && !IsView(record, "bare") && !IsView(record, "v4"))
        {
            // Of the file's own view, or the older line's, only ids and offsets of texts and pairs are recorded, and of some pipelines not of all of them.
            int count = Failures.Count;
            bool judged = record.GetProperty("k").GetString() is "text" or "pair";
            _spansOnly = true;
            if (judged) CheckAgainst(record);
            _spansOnly = false;
            bool known = judged && !RecordedInPart && Failures.Count > count;
            Failures.RemoveRange(count, Failures.Count - count);
            if (known) return;
            Unjudged++;
            Failures.RemoveRange(before, Failures.Count - before);
            return;
        }
        foreach (string view in new[] { "bare", "v4" })
        {
            if (!record.TryGetProperty(view, out JsonElement other) || other.ValueKind != JsonValueKind.Object) continue;
            bool otherIds = other.TryGetProperty("ids", out _);
            var merged = record.EnumerateObject().Where(field => field.Name is not ("bare" or "v4" or "dec" or "dec_all" or "word" or "word_len") && !(otherIds && field.Name is "special" or "tokens" or "type"))
                .ToDictionary(field => field.Name, field => field.Value);
            foreach (JsonProperty field in other.EnumerateObject()) merged[field.Name] = field.Value;
            if (!other.TryGetProperty("off16", out _) && other.TryGetProperty("off", out _)) merged.Remove("off16");
            using JsonDocument alternative = JsonDocument.Parse(JsonSerializer.Serialize(merged));
            int count = Failures.Count;
            (_spansOnly, _placesUnknown) = (true, otherIds);
            CheckAgainst(alternative.RootElement);
            (_spansOnly, _placesUnknown) = (false, false);
            if (Failures.Count == count)
            {
                Failures.RemoveRange(before, Failures.Count - before);
                return;
            }
            Failures.RemoveRange(count, Failures.Count - count);
        }
    }

    private static bool IsView(JsonElement record, string name) => record.TryGetProperty(name, out JsonElement view) && view.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the tokenizer follows the file where the newest reference does not, so that records without a view of it may not apply.</summary>
    public bool FollowsFile { get; init; }

    /// <summary>Whether that view is there for some texts only.</summary>
    public bool RecordedInPart { get; init; }

    /// <summary>Records that hold nothing to judge by where <see cref="FollowsFile"/>.</summary>
    public int Unjudged { get; private set; }

    // Words and decodings of the other views are not recorded in full; where ids differ, neither is which of them the template put there.
    private bool _spansOnly;
    private bool _placesUnknown;

    private void CheckAgainst(JsonElement record)
    {
        string kind = record.GetProperty("k").GetString()!;
        switch (kind)
        {
            case "text": Text(record); break;
            case "pair": Pair(record); break;
            case "trunc": Truncated(record); break;
            case "words": Words(record); break;
            case "decode": Decoded(record); break;
            case "split": Guard(record, () => Compare(record, record, tokenizer.Encode(TextOf(record)!, null, new TokenizingOptions { SplitSpecialTokens = true }))); break;
            default:
                if (!CheckFurther(kind, record)) Failures.Add($"records of the kind '{kind}' are not checked");
                break;
        }
    }

    private static string Describe(JsonElement record)
    {
        string raw = record.GetRawText();
        return raw.Length <= 160 ? raw : raw[..160];
    }

    private string? TextOf(JsonElement record, string index = "t") =>
        record.TryGetProperty(index, out JsonElement place) ? texts[place.GetInt32()] : index == "t" && record.TryGetProperty("text", out JsonElement text) ? text.GetString() : null;

    private void Text(JsonElement record)
    {
        string input = TextOf(record)!;
        if (record.TryGetProperty("error", out JsonElement error))
        {
            if (!error.GetString()!.StartsWith("panic:", StringComparison.Ordinal)) Refused(record, () => tokenizer.Encode(input));
            return;
        }
        Guard(record, () =>
        {
            TokenizedText found = tokenizer.Encode(input);
            Compare(record, record, found);
            int[] ids = found.Ids;
            string expected = record.TryGetProperty("dec", out JsonElement decoded) ? decoded.GetString()! : input;
            if (!_spansOnly && HasDecodings(record) && tokenizer.Decode(ids) is { } text && text != expected && text != Older(record, "v4_dec") && !(OldLineIsAbsent && AsAdded(text) == expected)) Fail(record, $"decoded '{text}' instead of '{expected}'");
            if (record.TryGetProperty("dec_all", out JsonElement all) && tokenizer.Decode(ids, skipSpecialTokens: false) is { } whole && whole != all.GetString() && !(OldLineIsAbsent && AsAdded(whole) == all.GetString()) && whole != Older(record, "v4_dec_all") && (Older(record, "v4_dec") is null || Older(record, "v4_dec_all") is not null) && !_spansOnly)
            {
                Fail(record, $"decoded whole '{whole}' instead of '{all.GetString()}'");
            }
        });
    }

    private static string? Older(JsonElement record, string name) => record.TryGetProperty(name, out JsonElement text) ? text.GetString() : null;

    /// <summary>Whether the older line, which alone decodes added tokens as they were added, could not open the folder.</summary>
    public bool OldLineIsAbsent { get; init; }

    private string AsAdded(string text) => tokenizer.Parts.AddedTokens.Where(token => token.Normalized).Aggregate(text, (result, token) => result.Replace(token.Content, Normalize(token.Content), StringComparison.Ordinal));

    // Pipelines of one normalizer or pre-tokenizer record no decoding at all.
    public bool HasDecodings(JsonElement record) => DecodingsRecorded || record.TryGetProperty("dec", out _);

    public bool DecodingsRecorded { get; init; } = true;

    private void Pair(JsonElement record) => Guard(record, () => Compare(record, record, tokenizer.Encode(TextOf(record)!, EmptyIsNone(TextOf(record, "u")))));

    private static string? EmptyIsNone(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private void Truncated(JsonElement record)
    {
        var options = new TokenizingOptions
        {
            MaximumLength = record.GetProperty("max").GetInt32(),
            Stride = record.TryGetProperty("stride", out JsonElement stride) ? stride.GetInt32() : 0,
            TruncateLeft = record.TryGetProperty("side", out JsonElement side) && side.GetString() == "left",
            AddSpecialTokens = !record.TryGetProperty("special", out JsonElement special) || special.ValueKind != JsonValueKind.False,
            KeepOverflow = true,
            Truncation = record.GetProperty("strategy").GetString() switch { "only_first" => TruncationStrategy.OnlyFirst, "only_second" => TruncationStrategy.OnlySecond, _ => TruncationStrategy.LongestFirst },
        };
        TokenizedText Encode() => tokenizer.Encode(TextOf(record)!, TextOf(record, "u"), options);
        if (record.TryGetProperty("error", out _))
        {
            Refused(record, Encode);
            return;
        }
        Guard(record, () =>
        {
            TokenizedText main = Encode();
            TokenizedText[] found = [main, .. main.Overflow];
            JsonElement[] windows = [.. record.GetProperty("windows").EnumerateArray()];
            int count = record.TryGetProperty("count", out JsonElement counted) ? counted.GetInt32() : windows.Length;
            if (found.Length != count)
            {
                Fail(record, $"{found.Length} windows instead of {count}");
                return;
            }
            for (int i = 0; i < windows.Length; i++)
            {
                int place = i < 6 || count == windows.Length ? i : count - (windows.Length - i);
                if (windows[i].TryGetProperty("off", out _)) Compare(record, windows[i], found[place]);
                else if (!Ints(windows[i], "ids")!.SequenceEqual(found[place].Ids)) Fail(record, $"window {place}: ids {string.Join(' ', found[place].Ids)} instead of {string.Join(' ', Ints(windows[i], "ids")!)}");
            }
        });
    }

    private void Words(JsonElement record)
    {
        string[] Read(string name) => [.. record.GetProperty(name).EnumerateArray().Select(word => word.GetString()!)];
        TokenizedText Encode() => tokenizer.EncodeWords(Read("words"), record.TryGetProperty("words2", out _) ? Read("words2") : null);
        if (record.TryGetProperty("error", out _)) return;
        Guard(record, () => Compare(record, record, Encode()));
    }

    private void Decoded(JsonElement record)
    {
        if (record.TryGetProperty("error", out _)) return;
        Guard(record, () =>
        {
            int[] ids = Ints(record, "ids")!;
            string expected = record.GetProperty("dec").GetString()!;
            string all = record.TryGetProperty("dec_all", out JsonElement whole) ? whole.GetString()! : expected;
            if (tokenizer.Decode(ids) != expected && !(OldLineIsAbsent && AsAdded(tokenizer.Decode(ids)) == expected)) Fail(record, $"'{tokenizer.Decode(ids)}' instead of '{expected}'");
            if (record.TryGetProperty("dec_clean", out JsonElement clean) && tokenizer.Decode(ids, cleanUp: true) != clean.GetString()) Fail(record, $"cleaned: '{tokenizer.Decode(ids, cleanUp: true)}'");
            if (record.TryGetProperty("dec_noclean", out JsonElement raw) && tokenizer.Decode(ids, cleanUp: false) != raw.GetString()) Fail(record, $"not cleaned: '{tokenizer.Decode(ids, cleanUp: false)}'");
            if (tokenizer.Decode(ids, skipSpecialTokens: false) != all && !(OldLineIsAbsent && AsAdded(tokenizer.Decode(ids, false)) == all)) Fail(record, $"whole: '{tokenizer.Decode(ids, false)}' instead of '{all}'");
        });
    }

    private void Compare(JsonElement record, JsonElement expected, TokenizedText found)
    {
        int[] ids = Ints(expected, "ids")!;
        if (!ids.SequenceEqual(found.Ids))
        {
            Fail(record, $"ids {string.Join(' ', found.Ids)} instead of {string.Join(' ', ids)}");
            return;
        }
        (int Start, int End)[] spans = Spans(Ints(expected, "off16") ?? Ints(expected, "off")!);
        for (int i = 0; i < spans.Length; i++)
        {
            (int Start, int End) span = (found.Starts[i], found.Ends[i]);
            if (_spansOnly && TextOf(record, found.SequenceIds[i] == 1 ? "u" : "t") is { } text && !expected.TryGetProperty("off16", out _)) span = (CodePoints(text, span.Start), CodePoints(text, span.End));
            if (span != spans[i])
            {
                Fail(record, $"token {i} spans {span.Start}-{span.End} instead of {spans[i].Start}-{spans[i].End}");
                return;
            }
        }
        int[] types = Ints(expected, "type") ?? new int[ids.Length];
        if (!types.SequenceEqual(found.TypeIds)) Fail(record, $"types {string.Join(' ', found.TypeIds)} instead of {string.Join(' ', types)}");
        HashSet<int> special = [.. Ints(expected, "special") ?? []];
        for (int i = 0; i < ids.Length; i++)
        {
            if (!_placesUnknown && found.Special[i] != special.Contains(i)) Fail(record, $"token {i} is {(found.Special[i] ? "" : "not ")}special");
        }
        if (!_spansOnly) CompareWords(record, expected, found, special);
        if (!_spansOnly && expected.TryGetProperty("tokens", out JsonElement tokens))
        {
            foreach (JsonProperty token in tokens.EnumerateObject())
            {
                int place = int.Parse(token.Name);
                // A template names its tokens apart from their ids; the vocabulary's text of the id is what is given here.
                if (!special.Contains(place) && found.Token(place) != token.Value.GetString()) Fail(record, $"token {place} is '{found.Token(place)}' instead of '{token.Value.GetString()}'");
            }
        }
    }

    // Other views count offsets in code points only.
    private static int CodePoints(string text, int index) => text.AsSpan(0, index).ToString().EnumerateRunes().Count();

    private void CompareWords(JsonElement record, JsonElement expected, TokenizedText found, HashSet<int> special)
    {
        int[] words;
        if (Ints(expected, "word") is { } listed)
        {
            words = listed;
        }
        else
        {
            words = new int[found.Ids.Length];
            int[]? lengths = Ints(expected, "word_len");
            int word = 0, left = lengths is { Length: > 0 } ? lengths[0] : 1;
            for (int i = 0; i < words.Length; i++)
            {
                if (special.Contains(i))
                {
                    words[i] = -1;
                    continue;
                }
                words[i] = word;
                if (--left == 0)
                {
                    word++;
                    left = lengths is null || word >= lengths.Length ? 1 : lengths[word];
                }
            }
        }
        if (!words.SequenceEqual(found.WordIds)) Fail(record, $"words {string.Join(' ', found.WordIds)} instead of {string.Join(' ', words)}");
    }

    private void Refused(JsonElement record, Func<TokenizedText> encode)
    {
        Checked++;
        try
        {
            encode();
            Fail(record, "should be refused");
        }
        catch (Exception refusal) when (refusal is ArgumentException or TokenizationException or InvalidOperationException)
        {
        }
    }

    private void Guard(JsonElement record, Action check)
    {
        Checked++;
        try
        {
            check();
        }
        catch (Exception failure)
        {
            Fail(record, failure.GetType().Name + ": " + failure.Message);
        }
    }

    private void Fail(JsonElement record, string problem) => Failures.Add($"{problem} | {Describe(record)}");

    private static int[]? Ints(JsonElement record, string name) => record.TryGetProperty(name, out JsonElement array) && array.ValueKind == JsonValueKind.Array ? [.. array.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Null ? -1 : item.GetInt32())] : null;

    private static (int Start, int End)[] Spans(int[] gaps)
    {
        var spans = new (int Start, int End)[gaps.Length / 2];
        int last = 0;
        for (int i = 0; i < spans.Length; i++)
        {
            int start = last + gaps[2 * i];
            last = start + gaps[(2 * i) + 1];
            spans[i] = (start, last);
        }
        return spans;
    }
}
