using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>tokenizer.json files of the four kinds of model from the real vocabularies of shared/vocab, for both sides to load.</summary>
internal static class RealPipelines
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the folders and gives their names with paths: one of each kind of model, or one of each vocabulary.</summary>
    public static IReadOnlyList<(string Name, string Folder)> Write(string root, bool all = false)
    {
        var written = new List<(string Name, string Folder)>();
        void Add(string name, string vocabulary, Func<string, JsonObject> make)
        {
            string source = Path.Combine(Shared.Root, "vocab", vocabulary);
            if (!File.Exists(source)) return;
            string folder = Path.Combine(root, name);
            Directory.CreateDirectory(folder);
            string path = Path.Combine(folder, "tokenizer.json");
            if (!File.Exists(path)) File.WriteAllText(path, make(source).ToJsonString(Plain));
            written.Add((name, folder));
        }
        Add("wordpiece", "google_uncased_en_vocab.txt", WordPiece);
        Add("byte-bpe", "gpt2.tiktoken", ByteLevel);
        Add("sentencepiece-bpe", "llama2.model", BytePairs);
        Add("unigram", "cluecorpussmall_spm.model", Unigram);
        if (!all) return written;
        Add("wordpiece-cased", "google_cased_en_vocab.txt", WordPiece);
        Add("wordpiece-chinese", "google_zh_vocab.txt", WordPiece);
        Add("sentencepiece-bpe-large", "mistral_v3.model", BytePairs);
        return written;
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private static JsonObject Special(int id, string content) =>
        new() { ["id"] = id, ["content"] = content, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true };

    private static JsonObject Whole(JsonObject? normalizer, JsonObject? words, JsonObject? around, JsonObject decoder, JsonObject model, params JsonNode[] added) => new()
    {
        ["version"] = "1.0", ["truncation"] = null, ["padding"] = null, ["added_tokens"] = new JsonArray(added), ["normalizer"] = normalizer, ["pre_tokenizer"] = words,
        ["post_processor"] = around, ["decoder"] = decoder, ["model"] = model,
    };

    private static JsonObject WordPiece(string source)
    {
        string[] lines = File.ReadAllLines(source);
        var vocabulary = new JsonObject(lines.Select((line, id) => KeyValuePair.Create(line, (JsonNode?)id)).DistinctBy(pair => pair.Key));
        int Id(string token) => (int)vocabulary[token]!;
        JsonObject around = new() { ["type"] = "BertProcessing", ["sep"] = new JsonArray("[SEP]", Id("[SEP]")), ["cls"] = new JsonArray("[CLS]", Id("[CLS]")) };
        JsonObject model = new() { ["type"] = "WordPiece", ["unk_token"] = "[UNK]", ["continuing_subword_prefix"] = "##", ["max_input_chars_per_word"] = 100, ["vocab"] = vocabulary };
        return Whole(
            Parse("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}"""), Parse("""{"type":"BertPreTokenizer"}"""), around,
            Parse("""{"type":"WordPiece","prefix":"##","cleanup":true}"""), model, [.. new[] { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" }.Select(token => Special(Id(token), token))]);
    }

    private static JsonObject ByteLevel(string source)
    {
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(source))
        {
            string[] parts = line.Split(' ');
            if (parts.Length == 2) ranks[string.Concat(Convert.FromBase64String(parts[0]).Select(value => ByteAlphabet.Characters[value]))] = int.Parse(parts[1], CultureInfo.InvariantCulture);
        }
        var merges = new JsonArray();
        foreach ((string token, int rank) in ranks.OrderBy(entry => entry.Value))
        {
            if (token.Length < 2) continue;
            List<string> pieces = [.. token.Select(character => character.ToString())];
            while (pieces.Count > 2)
            {
                int best = Enumerable.Range(0, pieces.Count - 1).MinBy(i => ranks.TryGetValue(pieces[i] + pieces[i + 1], out int found) && found < rank ? found : int.MaxValue);
                pieces[best] += pieces[best + 1];
                pieces.RemoveAt(best + 1);
            }
            merges.Add(new JsonArray(pieces[0], pieces[1]));
        }
        ranks["<|endoftext|>"] = ranks.Count;
        JsonObject model = new() { ["type"] = "BPE", ["vocab"] = Ids(ranks), ["merges"] = merges };
        return Whole(null, Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"""), Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true}"""),
            Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"""), model, Special(ranks.Count - 1, "<|endoftext|>"));
    }

    private static JsonObject BytePairs(string source)
    {
        SentencePieceFile file = SentencePieceFile.Parse(File.ReadAllBytes(source), source);
        List<(string Text, double Score)> pieces = [.. file.Pieces.Select(piece => (piece.Text, piece.Score))];
        JsonArray merges = [.. SentencePieceMerges.Of(pieces).Select(merge => new JsonArray(merge.Left, merge.Right))];
        JsonObject model = new()
        {
            ["type"] = "BPE", ["unk_token"] = "<unk>", ["fuse_unk"] = true, ["byte_fallback"] = true,
            ["vocab"] = Ids(pieces.Select((piece, id) => KeyValuePair.Create(piece.Text, id))), ["merges"] = merges,
        };
        JsonObject around = Parse("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}""");
        return Whole(
            Parse("""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""), null, around,
            Parse("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"""),
            model, Special(0, "<unk>"), Special(1, "<s>"), Special(2, "</s>"));
    }

    private static JsonObject Unigram(string source)
    {
        SentencePieceFile file = SentencePieceFile.Parse(File.ReadAllBytes(source), source);
        JsonArray pieces = [.. file.Pieces.Select(piece => new JsonArray(piece.Text, piece.Score))];
        JsonObject? map = file.Charsmap.Length == 0 ? null : new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(file.Charsmap) };
        JsonObject model = new() { ["type"] = "Unigram", ["unk_id"] = file.UnknownId, ["vocab"] = pieces, ["byte_fallback"] = false };
        return Whole(map, Parse("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"""), null, Parse("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}"""), model);
    }

    private static JsonObject Ids(IEnumerable<KeyValuePair<string, int>> ids) => new(ids.OrderBy(entry => entry.Value).Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value)));
}
