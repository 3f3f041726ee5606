using System.Text;
using System.Text.Json;
using FineTuning.Text;

namespace FineTuning.Tests.Text;

/// <summary>The records of padding, look-ups, added tokens, settings, and of the pipeline's first steps by themselves.</summary>
internal sealed partial class GoldenRunner
{
    /// <summary>The folder that the tokenizer was loaded from.</summary>
    public string Folder { get; init; } = "";

    private bool CheckFurther(string kind, JsonElement record)
    {
        switch (kind)
        {
            case "pad": Guard(record, () => Padded(record)); return true;
            case "maxlen": Guard(record, () => CutToModel(record)); return true;
            case "map": Guard(record, () => Mapped(record)); return true;
            case "add": Guard(record, () => Added(record)); return true;
            case "load": Guard(record, () => Loaded(record)); return true;
            case "norm": Guard(record, () => Normalized(record)); return true;
            case "pre": Guard(record, () => PreTokenized(record)); return true;
            default: return false;
        }
    }

    /// <summary>What the loaded tokenizer is by itself: its size, its vocabulary, its special tokens, its longest text.</summary>
    public void CheckExpectation(JsonElement expected)
    {
        void Same<T>(string what, T found, T wanted)
        {
            if (!EqualityComparer<T>.Default.Equals(found, wanted)) Failures.Add($"{what} is {found} instead of {wanted}");
        }
        Same("the size", tokenizer.VocabularySize, expected.GetProperty("length").GetInt32());
        var ids = new Dictionary<string, int>(tokenizer.Parts.Model.Vocabulary);
        foreach (AddedToken token in tokenizer.Parts.AddedTokens) ids[token.Content] = token.Id;
        Same("the vocabulary's hash", GoldenFolder.Hash(ids), expected.GetProperty("vocab_sha256").GetString()!);
        JsonElement longest = expected.GetProperty("model_max_length");
        Same("the longest text", tokenizer.MaximumLength, longest.ValueKind == JsonValueKind.Number ? longest.GetInt32() : null);
        Dictionary<string, int?> special = expected.GetProperty("special_tokens").EnumerateObject().ToDictionary(entry => entry.Name, entry => (int?)entry.Value[1].GetInt32());
        Same("the padding token", tokenizer.PadId, special.GetValueOrDefault("pad_token"));
        Same("the begin token", tokenizer.BeginId, special.GetValueOrDefault("bos_token"));
        Same("the end token", tokenizer.EndId, special.GetValueOrDefault("eos_token"));
        Same("the classifier token", tokenizer.ClassifierId, special.GetValueOrDefault("cls_token"));
        Same("the separator", tokenizer.SeparatorId, special.GetValueOrDefault("sep_token"));
        Same("the mask token", tokenizer.MaskId, special.GetValueOrDefault("mask_token"));
        Same("the unknown token", tokenizer.UnknownId, special.GetValueOrDefault("unk_token"));
        Same("padding in front", tokenizer.PadsLeft, expected.GetProperty("padding_side").GetString() == "left");
        Same("cutting in front", tokenizer.Parts.TruncateLeft, expected.GetProperty("truncation_side").GetString() == "left");
    }

    private void Padded(JsonElement record)
    {
        JsonElement args = record.GetProperty("args");
        int? Number(string name) => args.TryGetProperty(name, out JsonElement number) ? number.GetInt32() : null;
        string? Word(string name) => args.TryGetProperty(name, out JsonElement word) && word.ValueKind == JsonValueKind.String ? word.GetString() : null;
        var options = new TokenizingOptions
        {
            AddSpecialTokens = !args.TryGetProperty("add_special_tokens", out JsonElement special) || special.GetBoolean(),
            Truncation = args.TryGetProperty("truncation", out JsonElement cut) && cut.GetBoolean() ? TruncationStrategy.LongestFirst : TruncationStrategy.None,
            MaximumLength = Number("max_length"),
            TruncateLeft = Word("truncation_side") is { } side ? side == "left" : null,
        };
        var padding = new PaddingOptions
        {
            Length = Word("padding") == "max_length" ? Number("max_length") : null,
            MultipleOf = Number("pad_to_multiple_of") ?? 1,
            Left = Word("padding_side") is { } fill ? fill == "left" : null,
            PadId = Word("set_pad_token") is { } token ? tokenizer.TokenId(token) : null,
        };
        string[] rows = [.. record.GetProperty("rows").EnumerateArray().Select(row => texts[row.GetInt32()])];
        if (record.TryGetProperty("error", out _))
        {
            Refused(record, () => tokenizer.EncodeAll(rows, options, padding)[0]);
            return;
        }
        IReadOnlyList<TokenizedText> found = tokenizer.EncodeAll(rows, options, padding);
        int place = 0;
        foreach (JsonElement expected in record.GetProperty("out").EnumerateArray())
        {
            int[] mask = Ints(expected, "mask") ?? [.. Enumerable.Repeat(1, found[place].Ids.Length)];
            if (!mask.SequenceEqual(found[place].AttentionMask)) Fail(record, $"row {place}: mask {string.Join(' ', found[place].AttentionMask)}");
            Compare(record, expected, found[place++]);
        }
    }

    private void CutToModel(JsonElement record)
    {
        int[] ids = tokenizer.Encode(TextOf(record)!, null, new TokenizingOptions { Truncation = TruncationStrategy.LongestFirst }).Ids;
        int[] tail = Ints(record, "tail")!;
        if (ids.Length != record.GetProperty("count").GetInt32() || !ids.AsSpan(ids.Length - tail.Length).SequenceEqual(tail)) Fail(record, $"{ids.Length} tokens that end in {string.Join(' ', ids.TakeLast(8))}");
    }

    private void Mapped(JsonElement record)
    {
        TokenizedText found = tokenizer.Encode(TextOf(record)!, TextOf(record, "u"));
        MappedSequence(record, found, TextOf(record)!, 0, "");
        if (TextOf(record, "u") is { } second) MappedSequence(record, found, second, 1, "2");
    }

    private void MappedSequence(JsonElement record, TokenizedText found, string text, int sequence, string suffix)
    {
        if (Ints(record, "char_to_token" + suffix) is not { } tokens) return;
        int[] words = Ints(record, "char_to_word" + suffix)!;
        int index = 0, character = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (found.TokenAt(index, sequence) != tokens[character] || found.WordAt(index, sequence) != words[character])
            {
                Fail(record, $"character {character} is in token {found.TokenAt(index, sequence)} and word {found.WordAt(index, sequence)} instead of {tokens[character]} and {words[character]}");
                return;
            }
            index += rune.Utf16SequenceLength;
            character++;
        }
        int[] listed = Ints(record, "words" + suffix)!;
        int[] ofTokens = [.. listed.SelectMany(word => found.TokensOf(word, sequence) is { } span ? new[] { span.Start, span.End } : [-1, -1])];
        int[] ofCharacters = [.. listed.SelectMany(word => found.CharactersOf(word, sequence) is { } span ? new[] { CodePoints(text, span.Start), CodePoints(text, span.End) } : [-1, -1])];
        if (!ofTokens.SequenceEqual(Ints(record, "word_to_tokens" + suffix)!)) Fail(record, $"words have the tokens {string.Join(' ', ofTokens)}");
        if (!ofCharacters.SequenceEqual(Ints(record, "word_to_chars" + suffix)!)) Fail(record, $"words have the characters {string.Join(' ', ofCharacters)}");
    }

    private void Added(JsonElement record)
    {
        bool special = record.TryGetProperty("special_tokens", out JsonElement all) && all.ValueKind == JsonValueKind.True;
        NewToken[] tokens = [.. record.GetProperty("tokens").EnumerateArray().Select(token => new NewToken(token.GetProperty("content").GetString()!)
        {
            SingleWord = token.GetProperty("single_word").GetBoolean(),
            StripLeft = token.GetProperty("lstrip").GetBoolean(),
            StripRight = token.GetProperty("rstrip").GetBoolean(),
            Normalized = token.GetProperty("normalized").GetBoolean(),
            Special = special || token.GetProperty("special").GetBoolean(),
        })];
        PretrainedTokenizer larger = tokenizer.WithTokens(tokens);
        if (tokenizer.VocabularySize != record.GetProperty("before").GetInt32()) Fail(record, $"{tokenizer.VocabularySize} tokens before");
        if (larger.VocabularySize != record.GetProperty("after").GetInt32()) Fail(record, $"{larger.VocabularySize} tokens afterwards");
        int[] ids = Ints(record, "id")!;
        for (int i = 0; i < ids.Length; i++) if (tokens[i].Content.Length > 0 && larger.TokenId(tokens[i].Content) != ids[i]) Fail(record, $"'{tokens[i].Content}' has the id {larger.TokenId(tokens[i].Content)} instead of {ids[i]}");
        CheckTexts(record, larger);
        string saved = Directory.CreateTempSubdirectory().FullName;
        if (Directory.Exists(Folder) && File.Exists(Path.Combine(Folder, "config.json"))) File.Copy(Path.Combine(Folder, "config.json"), Path.Combine(saved, "config.json"));
        larger.Save(saved);
        CheckTexts(record, PretrainedTokenizer.Load(saved));
        Directory.Delete(saved, recursive: true);
    }

    private void CheckTexts(JsonElement record, PretrainedTokenizer other)
    {
        var runner = new GoldenRunner(other, texts) { FollowsFile = FollowsFile, RecordedInPart = true, DecodingsRecorded = DecodingsRecorded };
        foreach (JsonElement text in record.GetProperty("texts").EnumerateArray())
        {
            var merged = text.EnumerateObject().ToDictionary(field => field.Name, field => field.Value);
            using JsonDocument kind = JsonDocument.Parse("\"text\"");
            merged["k"] = kind.RootElement;
            using JsonDocument whole = JsonDocument.Parse(JsonSerializer.Serialize(merged));
            runner.Check(whole.RootElement);
        }
        foreach (string failure in runner.Failures) Fail(record, failure);
    }

    private void Loaded(JsonElement record)
    {
        JsonElement args = record.GetProperty("args");
        bool? Flag(string name) => args.TryGetProperty(name, out JsonElement flag) ? flag.GetBoolean() : null;
        var settings = new TokenizerSettings
        {
            LowerCase = Flag("do_lower_case"),
            StripAccents = Flag("strip_accents"),
            KeepAccents = Flag("keep_accents"),
            SpaceChineseCharacters = Flag("tokenize_chinese_chars"),
            AddPrefixSpace = Flag("add_prefix_space"),
            TrimOffsets = Flag("trim_offsets"),
            Legacy = Flag("legacy"),
            SplitByPunctuation = Flag("split_by_punct"),
            AddBeginToken = Flag("add_bos_token"),
            AddEndToken = Flag("add_eos_token"),
            SpecialTokens = args.EnumerateObject().Where(arg => arg.Value.ValueKind == JsonValueKind.String).ToDictionary(arg => arg.Name, arg => arg.Value.GetString()!),
        };
        CheckTexts(record, PretrainedTokenizer.Load(Folder, settings));
    }

    private void Normalized(JsonElement record)
    {
        string found = Normalize(TextOf(record)!);
        if (found != record.GetProperty("out").GetString()) Fail(record, $"normalized to '{found}'");
    }

    private string Normalize(string text)
    {
        var aligned = new AlignedText(text, 0);
        tokenizer.Parts.Normalizer?.Apply(aligned);
        return aligned.Characters.ToString();
    }

    private void PreTokenized(JsonElement record)
    {
        string text = Normalize(TextOf(record)!);
        var pieces = new PieceList();
        if (tokenizer.Parts.PreTokenizer is not { } splitter) return;
        if (text.Length > 0) splitter.Split(new Piece(new AlignedText(text, 0), 0, text.Length), pieces);
        var expected = record.GetProperty("out").EnumerateArray().ToArray();
        string[] wanted = [.. Enumerable.Range(0, expected.Length / 3).Select(i => $"{expected[3 * i].GetString()}@{expected[(3 * i) + 1].GetInt32()}-{expected[(3 * i) + 2].GetInt32()}")];
        string[] found = [.. pieces.Items.ToArray().Select(piece => $"{Spelled(piece)}@{CodePoints(text, piece.Text.StartOf(piece.Start))}-{CodePoints(text, piece.Text.EndOf(piece.Start + piece.Length - 1))}")];
        if (!wanted.SequenceEqual(found)) Fail(record, $"pieces {string.Join(' ', found)}");
    }

    private string Spelled(Piece piece)
    {
        if (!tokenizer.Parts.ModelSpells) return piece.Characters.ToString();
        var spelled = new AlignedText(piece.Characters, 0);
        new ByteLevelNormalizer().Apply(spelled);
        return spelled.Characters.ToString();
    }
}
