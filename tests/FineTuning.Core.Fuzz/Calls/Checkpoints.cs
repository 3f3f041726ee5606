using FineTuning.Examples;
using FineTuning.Models;

namespace FineTuning.Fuzz;

/// <summary>Folders of a few kilobytes with a model of each kind, made once a process; nothing is written into them.</summary>
internal static class Checkpoints
{
    private const string Decoder = """
        {"model_type":"gpt2","vocab_size":16,"n_embd":8,"n_layer":2,"n_head":2,"n_positions":32,"bos_token_id":2,"eos_token_id":3,"pad_token_id":0}
        """;

    private const string Pair = """
        {"model_type":"t5","vocab_size":16,"d_model":8,"d_kv":4,"d_ff":8,"num_layers":2,"num_decoder_layers":2,"num_heads":2,"decoder_start_token_id":0,
         "eos_token_id":3,"pad_token_id":0}
        """;

    private static readonly Lazy<string> FirstClassifier = new(() => TinyCheckpoint.Make()), FirstPlain = new(() => TinyCheckpoint.Make(0, HeadKind.None)),
        FirstInference = new(() => Make(null, HeadKind.SequenceClassification, 2, new SavedLabels(["entailment", "contradiction"]))),
        FirstDecoder = new(() => Make(Decoder, HeadKind.CausalLanguage, 0, null)), FirstPair = new(() => Make(Pair, HeadKind.SequenceToSequence, 0, null)),
        FirstAdapter = new(MakeAdapter), FirstRun = new(MakeRun);

    /// <summary>BERT with a head of two labels.</summary>
    public static string Classifier => FirstClassifier.Value;

    /// <summary>BERT without a head.</summary>
    public static string Plain => FirstPlain.Value;

    /// <summary>BERT with the labels of entailment.</summary>
    public static string Inference => FirstInference.Value;

    /// <summary>GPT-2.</summary>
    public static string Causal => FirstDecoder.Value;

    /// <summary>T5.</summary>
    public static string EncoderDecoder => FirstPair.Value;

    /// <summary>An adapter of the classifier.</summary>
    public static string Adapter => FirstAdapter.Value;

    /// <summary>The checkpoints of a run that began with the classifier.</summary>
    public static string Run => FirstRun.Value;

    /// <summary>A name in a new folder, for what is to be written.</summary>
    public static string Fresh() => Path.Combine(Directory.CreateTempSubdirectory("written").FullName, "model");

    /// <summary>A folder of its own with the same files, into which may be written.</summary>
    public static string Copy(string folder)
    {
        string copy = Directory.CreateTempSubdirectory("copy").FullName;
        foreach (string file in Directory.GetFiles(folder)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    private static string Make(string? configuration, HeadKind kind, int outputs, SavedLabels? labels)
    {
        string folder = Directory.CreateTempSubdirectory("tiny").FullName;
        TinyCheckpoint.Write(folder, 0, HeadKind.None);
        using OutputHead model = configuration is null ? OutputHead.Load(folder, kind, outputs) : OutputHead.Create(configuration, kind, outputs);
        string made = Directory.CreateTempSubdirectory("tiny").FullName;
        model.Save(made, labels);
        string[] more = configuration is null ? [] : ["g", "h", "i", "j"];
        File.WriteAllLines(Path.Combine(made, "vocab.txt"), [.. File.ReadAllLines(Path.Combine(folder, "vocab.txt")), .. more]);
        File.WriteAllText(Path.Combine(made, "tokenizer_config.json"), """
            {"tokenizer_class":"BertTokenizer","do_lower_case":true,"bos_token":"[CLS]","eos_token":"[SEP]","pad_token":"[PAD]","unk_token":"[UNK]",
             "chat_template":"{% for m in messages %}{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}{{ eos_token }}{% endgeneration %}{% else %}{{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"}
            """);
        return made;
    }

    private static string MakeAdapter()
    {
        string folder = Fresh();
        using Heads.TextClassifier<string> model = Pretrained.TextClassifier<string>(Classifier);
        model.Adapters.Add(Adapters.Adapter.Lora(2));
        model.SaveAdapter(folder);
        return folder;
    }

    private static string MakeRun()
    {
        string folder = Fresh();
        using Heads.TextClassifier<string> model = Pretrained.TextClassifier<string>(Classifier);
        LabeledText<string>[] data = [new("a b", "first0"), new("c", "second0")];
        FineTuner.For(model).Steps(2).BatchSize(1).ValidateOn(data).CheckpointTo(folder, every: 1).Train(data);
        return folder;
    }
}
