using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>
/// A classifier of a few kilobytes, whole: configuration, weights, tokenizer. Each number gives another one, and each of its files shows the number.
/// </summary>
internal static class TinyCheckpoint
{
    private const string Configuration = """
        {"model_type":"bert","vocab_size":12,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":8,
         "max_position_embeddings":16,"type_vocab_size":2,"pad_token_id":0}
        """;

    private static readonly string[] Words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f"];

    /// <summary>Fills an existing folder.</summary>
    public static void Write(string folder, int number = 0, HeadKind? head = null)
    {
        using (OutputHead model = OutputHead.Create(Configuration, head ?? HeadKind.SequenceClassification, 2, new ModelLoadOptions { Seed = number }))
        {
            using var gradients = no_grad();
            model.Weights.Find("head.output.bias")?.Value.fill_(Scalars.Held(number));
            model.Save(folder, head == HeadKind.None ? null : new SavedLabels([$"first{number}", $"second{number}"]));
        }
        File.WriteAllLines(Path.Combine(folder, "vocab.txt"), [.. Words, $"t{number}"]);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"BertTokenizer","do_lower_case":true}""");
    }

    /// <summary>A new folder with one.</summary>
    public static string Make(int number = 0, HeadKind? head = null)
    {
        string folder = Directory.CreateTempSubdirectory("tiny").FullName;
        Write(folder, number, head);
        return folder;
    }

    /// <summary>Loads a folder and gives its number; labels, weights and tokenizer must be of one.</summary>
    public static int NumberOf(string folder)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(folder);
        return NumberOf(model);
    }

    /// <summary>The number of a model.</summary>
    public static int NumberOf(TextClassifier<string> model)
    {
        int number = int.Parse(model.LabelSet.Names[0]["first".Length..], System.Globalization.CultureInfo.InvariantCulture);
        using var scope = NewDisposeScope();
        float bias = model.Head.Weights.Find("head.output.bias")!.Value[0].item<float>();
        if (bias != number) throw new BrokenLawException($"the labels are those of model {number}, the weights those of model {bias}");
        if (model.Tokenizer.TokenId($"t{number}") is null) throw new BrokenLawException($"the labels are those of model {number}, the tokenizer is another's");
        return number;
    }
}
