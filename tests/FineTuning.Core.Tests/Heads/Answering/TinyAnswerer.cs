using System.Text;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;

namespace FineTuning.Tests.Heads.Answering;

/// <summary>A folder with a random little BERT and a vocabulary of colours, things and letters.</summary>
internal sealed class TinyAnswerer : IDisposable
{
    private static readonly string[] Colours = ["red", "green", "blue", "black"];
    private static readonly string[] Things = ["the", "house", "is", "tree", "car", "of", "wood", "and", "old", "big", "what", "colour", "has", "it", "?", "."];

    public TinyAnswerer()
    {
        Directory.CreateDirectory(Folder);
        string[] letters = [.. Enumerable.Range('a', 26).SelectMany(letter => new[] { $"{(char)letter}", $"##{(char)letter}" })];
        File.WriteAllLines(Path.Combine(Folder, "vocab.txt"), (string[])["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Colours, .. Things, .. letters], new UTF8Encoding(false));
        File.WriteAllText(Path.Combine(Folder, "tokenizer_config.json"), """{"tokenizer_class":"BertTokenizer","do_lower_case":true,"model_max_length":48}""");
        using OutputHead model = OutputHead.Create("""
            {"model_type":"bert","vocab_size":77,"hidden_size":32,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":64,
             "max_position_embeddings":48,"type_vocab_size":2,"hidden_dropout_prob":0.0,"attention_probs_dropout_prob":0.0,"pad_token_id":0}
            """, HeadKind.None, 0, new ModelLoadOptions { Seed = 3 });
        model.Save(Folder);
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"answerer-{Guid.NewGuid():N}");

    public QuestionAnswerer Load(QuestionAnswererOptions? options = null) => Pretrained.QuestionAnswerer(Folder, options);

    /// <summary>Questions for the one colour word of a text; every third text may have none.</summary>
    public static List<AnsweredQuestion> Data(int count, int seed, bool withoutAnswer, int longest = 60)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            string[] words = [.. Enumerable.Range(0, random.Next(4, longest)).Select(_ => Things[random.Next(10)])];
            bool isAnswerable = !withoutAnswer || i % 3 != 0;
            int place = random.Next(words.Length);
            if (isAnswerable) words[place] = Colours[random.Next(Colours.Length)];
            string context = string.Join(' ', words);
            GivenAnswer[] answers = isAnswerable ? [new(words[place], words[..place].Sum(word => word.Length + 1))] : [];
            return new AnsweredQuestion("what colour has it?", context, answers) { Id = $"q{i}" };
        })];
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
