using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Tests.Heads;

/// <summary>A random encoder of a few thousand weights with a tokenizer of whole words, as a folder.</summary>
internal static class TinySentences
{
    public static readonly string[] Words =
    [
        "cat", "dog", "bird", "fish", "horse", "red", "blue", "green", "black", "white", "runs", "sleeps", "eats", "sings", "jumps",
        "rain", "snow", "sun", "wind", "storm", "the", "a", "in", "on", "over",
    ];

    private const string Config = """
        {"model_type":"bert","architectures":["BertModel"],"vocab_size":30,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":32,
         "max_position_embeddings":32,"type_vocab_size":2,"pad_token_id":0,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    /// <summary>Writes the folder and returns it; whoever asks deletes it.</summary>
    public static string Folder()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"sentences-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        using OutputHead encoder = OutputHead.Create(Config, HeadKind.None, 0, new ModelLoadOptions { Seed = 3 });
        encoder.Save(folder);
        File.WriteAllLines(Path.Combine(folder, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Words]);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"BertTokenizer","do_lower_case":true,"model_max_length":32}""");
        return folder;
    }

    /// <summary>An encoder with the options, from a folder that is gone at once.</summary>
    public static SentenceEncoder Encoder(SentenceEncoderOptions? options = null)
    {
        string folder = Folder();
        try
        {
            return Pretrained.SentenceEncoder(folder, options);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Texts of 1 to 12 words.</summary>
    public static string[] Texts(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => string.Join(' ', Enumerable.Range(0, random.Next(1, 13)).Select(_ => Words[random.Next(Words.Length)])))];
    }
}
