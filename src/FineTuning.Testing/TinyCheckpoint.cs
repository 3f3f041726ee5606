using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Testing;

/// <summary>
/// A checkpoint folder of a few thousand random weights, with a vocabulary of your own texts: what tests load in milliseconds in place of a published model.
/// </summary>
/// <remarks>Disposing it deletes the folder. The same texts and seed give the same files.</remarks>
public sealed class TinyCheckpoint : IDisposable
{
    private const int Width = 16, Positions = 128;
    private readonly TemporaryFolder _folder = new();

    private TinyCheckpoint()
    {
    }

    /// <summary>The folder.</summary>
    public string Folder => _folder.Below("model");

    /// <summary>An encoder (BERT, two layers, 128 tokens), for classifiers, taggers, answers and sentence vectors.</summary>
    /// <param name="texts">What the vocabulary is made of.</param>
    /// <param name="dropout">From 0 to below 1. Default 0, so that runs can be compared.</param>
    /// <param name="seed">Of the weights.</param>
    public static TinyCheckpoint Encoder(IEnumerable<string> texts, double dropout = 0, long seed = 1)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var made = new TinyCheckpoint();
        VocabularyTrainer.WordPiece(texts, new VocabularyOptions { Size = 300, MinimumFrequency = 1, MaximumLength = Positions }).Save(made.Folder);
        made.Write(HeadKind.MaskedLanguage, seed, (size, pad) => $$"""
            {"model_type":"bert","architectures":["BertForMaskedLM"],"vocab_size":{{size}},"initializer_range":0.1,"hidden_size":{{Width}},
             "num_hidden_layers":2,
             "num_attention_heads":2,"intermediate_size":32,"max_position_embeddings":{{Positions}},"type_vocab_size":2,"pad_token_id":{{pad}},
             "hidden_dropout_prob":{{Text(dropout)}},"attention_probs_dropout_prob":{{Text(dropout)}}}
            """);
        return made;
    }

    /// <summary>A decoder (LLaMA, two layers, 128 tokens), for texts and completions.</summary>
    /// <param name="texts">What the vocabulary is made of.</param>
    /// <param name="seed">Of the weights.</param>
    public static TinyCheckpoint Decoder(IEnumerable<string> texts, long seed = 1)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var made = new TinyCheckpoint();
        MakeDecoder(texts, made.Folder);
        made.Write(HeadKind.CausalLanguage, seed, Llama);
        return made;
    }

    /// <summary>A decoder with another architecture and its way to store matrices (GPT-2, two layers, 128 tokens).</summary>
    /// <param name="texts">What the vocabulary is made of.</param>
    /// <param name="seed">Of the weights.</param>
    public static TinyCheckpoint Gpt2(IEnumerable<string> texts, long seed = 1)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var made = new TinyCheckpoint();
        MakeDecoder(texts, made.Folder);
        made.Write(HeadKind.CausalLanguage, seed, (size, pad) => $$"""
            {"model_type":"gpt2","architectures":["GPT2LMHeadModel"],"vocab_size":{{size}},"initializer_range":0.1,"n_embd":{{Width}},"n_layer":2,"n_head":2,
             "n_positions":{{Positions}},"pad_token_id":{{pad}},"bos_token_id":0,"eos_token_id":2,"resid_pdrop":0,"embd_pdrop":0,"attn_pdrop":0}
            """);
        return made;
    }

    /// <summary>A decoder with a chat format (ChatML), for conversations.</summary>
    /// <param name="texts">What the vocabulary is made of.</param>
    /// <param name="seed">Of the weights.</param>
    public static TinyCheckpoint Chat(IEnumerable<string> texts, long seed = 1)
    {
        using TinyCheckpoint plain = Decoder(texts, seed);
        var made = new TinyCheckpoint();
        Pretrained.AddChatFormat(plain.Folder, made.Folder, ChatFormat.ChatMl);
        return made;
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    private static string Llama(int size, int pad) => $$"""
        {"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":{{size}},"initializer_range":0.1,"hidden_size":{{Width}},
         "num_hidden_layers":2,"num_attention_heads":4,
         "num_key_value_heads":2,"intermediate_size":32,"max_position_embeddings":{{Positions}},"rms_norm_eps":1e-6,"tie_word_embeddings":false,
         "pad_token_id":{{pad}},"bos_token_id":0,"eos_token_id":2}
        """;

    private static void MakeDecoder(IEnumerable<string> texts, string folder)
    {
        VocabularyTrainer.BytePair(texts, new VocabularyOptions { Size = 700, MinimumFrequency = 1, MaximumLength = Positions }).Save(folder);
        // As decoders' tokenizers do, it puts nothing around a text.
        string file = Path.Combine(folder, "tokenizer.json");
        JsonNode tokenizer = JsonNode.Parse(File.ReadAllText(file))!;
        tokenizer["post_processor"] = null;
        File.WriteAllText(file, tokenizer.ToJsonString());
        string settings = Path.Combine(folder, "tokenizer_config.json");
        JsonNode configuration = JsonNode.Parse(File.ReadAllText(settings))!;
        configuration["tokenizer_class"] = "PreTrainedTokenizerFast";
        File.WriteAllText(settings, configuration.ToJsonString());
    }

    private void Write(HeadKind kind, long seed, Func<int, int, string> configuration)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Folder);
        using OutputHead head = OutputHead.Create(configuration(tokenizer.HighestId + 1, tokenizer.PadId ?? 0), kind, 0, new ModelLoadOptions { Seed = seed });
        head.Save(Folder);
    }

    private static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);
}
