using System.Globalization;
using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>Vocabularies of equal size trained on the same text, here and by npm's tokenizers: tokens a character on that text and on another.</summary>
internal static class VocabularyCommand
{
    public static void Run(Arguments arguments)
    {
        string[] numbers = arguments.Text("books", "84,1342,1661").Split(',');
        string[] lines = [.. numbers.SelectMany(number => Lines(Shared.Data("gutenberg", number + ".txt.gz"))), .. Lines(Shared.Data("sst2", "train.tsv"))], other = Lines(Shared.Data("gutenberg", "11.txt.gz"));
        string root = Directory.CreateTempSubdirectory("vocabularies").FullName;
        string texts = Path.Combine(root, "texts.txt");
        File.WriteAllLines(texts, lines);
        Console.WriteLine("kind         entries here   there   tokens a character here    there    ratio   on another text here    there    ratio");
        foreach (VocabularyKind kind in new[] { VocabularyKind.WordPiece, VocabularyKind.ByteLevel })
        {
            PretrainedTokenizer theirs = Theirs(kind, texts, Path.Combine(root, kind + "-reference"));
            var options = new VocabularyOptions { Size = theirs.VocabularySize + (kind == VocabularyKind.WordPiece ? 4 : 5), MinimumFrequency = 1, Lowercase = false, LongestWord = 1000 };
            TrainedVocabulary trained = kind == VocabularyKind.WordPiece ? VocabularyTrainer.WordPiece(lines, options) : VocabularyTrainer.BytePair(lines, options);
            string folder = Path.Combine(root, kind.ToString());
            trained.Save(folder);
            PretrainedTokenizer ours = PretrainedTokenizer.Load(folder);
            (double mine, double reference) = (Rate(ours, lines), Rate(theirs, lines));
            (double mineOther, double referenceOther) = (Rate(ours, other), Rate(theirs, other));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kind,-12} {ours.VocabularySize,12} {theirs.VocabularySize,7} {mine,25:0.0000} {reference,8:0.0000} {mine / reference,8:0.0000} {mineOther,22:0.0000} {referenceOther,8:0.0000} {mineOther / referenceOther,8:0.0000}"));
        }
    }

    private static double Rate(PretrainedTokenizer tokenizer, string[] lines)
    {
        var bare = new TokenizingOptions { AddSpecialTokens = false };
        return (double)lines.Sum(line => (long)tokenizer.Encode(line, null, bare).Ids.Length) / lines.Sum(line => (long)line.Length);
    }

    // An empty model of the kind, with the same first steps as ours, which the reference fills.
    private static PretrainedTokenizer Theirs(VocabularyKind kind, string texts, string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, "tokenizer.json");
        bool pieces = kind == VocabularyKind.WordPiece;
        JsonNode Parse(string json) => JsonNode.Parse(json)!;
        var file = new JsonObject
        {
            ["version"] = "1.0", ["truncation"] = null, ["padding"] = null, ["added_tokens"] = new JsonArray(), ["post_processor"] = null,
            ["normalizer"] = pieces ? Parse("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":false}""") : null,
            ["pre_tokenizer"] = Parse(pieces ? """{"type":"BertPreTokenizer"}""" : """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"""),
            ["decoder"] = Parse(pieces ? """{"type":"WordPiece","prefix":"##","cleanup":true}""" : """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"""),
            ["model"] = Parse(pieces ? """{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{}}""" : """{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{},"merges":[]}"""),
        };
        File.WriteAllText(path, file.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        ReferenceProcess.Run(new { @do = "train", sets = new[] { new { tokenizer = path, texts } } }, 2);
        JsonObject trained = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        // WordPiece vocabularies are trained without an unknown token here; it is added behind, and is met in the other text only.
        if (pieces && trained["model"]!["vocab"] is JsonObject vocabulary && !vocabulary.ContainsKey("[UNK]")) vocabulary["[UNK]"] = vocabulary.Count;
        File.WriteAllText(path, trained.ToJsonString());
        return PretrainedTokenizer.Load(folder);
    }

    private static string[] Lines(string path)
    {
        using Stream file = File.OpenRead(path);
        using var reader = new StreamReader(path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file);
        return [.. reader.ReadToEnd().Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0)];
    }
}
