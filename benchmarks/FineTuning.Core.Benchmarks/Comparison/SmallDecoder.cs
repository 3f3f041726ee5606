using System.Globalization;
using System.Text.Json;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>A decoder of random weights with a byte-level vocabulary trained on the texts at hand: a checkpoint folder that takes no download.</summary>
internal static class SmallDecoder
{
    /// <param name="folder">Made where it is missing, and filled.</param>
    /// <param name="texts">The vocabulary is trained on them.</param>
    /// <param name="family">gpt2 or llama.</param>
    /// <param name="size">Vocabulary, width, layers, heads, positions.</param>
    /// <param name="dropout">Of hidden states and attention; llama has none.</param>
    public static void Make(string folder, IEnumerable<string> texts, string family, (int Vocabulary, int Width, int Layers, int Heads, int Positions) size, double dropout = 0.1)
    {
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(texts, new VocabularyOptions { Size = size.Vocabulary, MaximumLength = size.Positions });
        Directory.CreateDirectory(folder);
        using (OutputHead head = OutputHead.Create(Configuration(family, size, vocabulary, dropout), HeadKind.CausalLanguage, options: new ModelLoadOptions { Seed = 1 })) head.Save(folder);
        vocabulary.Save(folder);
    }

    private static string Configuration(string family, (int Vocabulary, int Width, int Layers, int Heads, int Positions) size, TrainedVocabulary vocabulary, double dropout)
    {
        int Id(string token) => vocabulary.Entries.ToList().IndexOf(token);
        string common = string.Create(CultureInfo.InvariantCulture,
            $"\"vocab_size\": {vocabulary.Entries.Count}, \"bos_token_id\": {Id("<s>")}, \"eos_token_id\": {Id("</s>")}, \"pad_token_id\": {Id("<pad>")}, \"tie_word_embeddings\": true");
        string own = family == "gpt2"
            ? string.Create(CultureInfo.InvariantCulture, $"\"architectures\": [\"GPT2LMHeadModel\"], \"model_type\": \"gpt2\", \"n_embd\": {size.Width}, \"n_layer\": {size.Layers}, \"n_head\": {size.Heads}, \"n_positions\": {size.Positions}, \"resid_pdrop\": {dropout}, \"embd_pdrop\": {dropout}, \"attn_pdrop\": {dropout}")
            : string.Create(CultureInfo.InvariantCulture, $"\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": {size.Width}, \"num_hidden_layers\": {size.Layers}, \"num_attention_heads\": {size.Heads}, \"num_key_value_heads\": {Math.Max(1, size.Heads / 2)}, \"intermediate_size\": {size.Width * 8 / 3}, \"max_position_embeddings\": {size.Positions}");
        string text = $"{{ {own}, {common} }}";
        using JsonDocument _ = JsonDocument.Parse(text);
        return text;
    }
}
