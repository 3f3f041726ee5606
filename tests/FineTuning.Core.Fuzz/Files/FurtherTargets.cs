using System.Text;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>An adapter's folder on a model that is right: the model is as it was where the folder is refused.</summary>
internal sealed class AdapterTarget() : FileTarget("adapter")
{
    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds() => new Adapters.Adapter[]
    {
        Adapters.Adapter.Lora(2), Adapters.Adapter.Dora(2) with { Biases = Adapters.TrainedBiases.All }, Adapters.Adapter.Scaling(),
    }.Select(Saved);

    private protected override void Read(string folder)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        double before = model.Predict("a b c").Confidence;
        try
        {
            model.LoadAdapter(folder);
            model.Predict("a b c");
        }
        finally
        {
            model.WithoutAdapter();
            Require(model.Predict("a b c").Confidence == before, "the base is another than before the adapter");
        }
    }

    private static List<(string Name, byte[] Contents)> Saved(Adapters.Adapter adapter)
    {
        string folder = Checkpoints.Fresh();
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        model.Adapters.Add(adapter);
        model.SaveAdapter(folder);
        return FilesOf(folder);
    }
}

/// <summary>generation_config.json of a decoder that is right otherwise: what loads must write.</summary>
internal sealed class GenerationTarget() : FileTarget("generation")
{
    private static readonly string[] Configurations =
    [
        """{"bos_token_id":2,"eos_token_id":[3,5],"pad_token_id":0,"do_sample":true,"temperature":0.7,"top_k":5,"top_p":0.9,"repetition_penalty":1.1,"max_length":8}""",
        """{"eos_token_id":3,"num_beams":3,"length_penalty":0.5,"no_repeat_ngram_size":2,"bad_words_ids":[[5,6],[7]],"sequence_bias":[[[8],1.5]],"early_stopping":"never"}""",
        """{"eos_token_id":3,"suppress_tokens":[4],"begin_suppress_tokens":[5],"forced_bos_token_id":6,"exponential_decay_length_penalty":[2,1.3],"stop_strings":["b"]}""",
    ];

    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds()
    {
        foreach (string configuration in Configurations)
        {
            List<(string Name, byte[] Contents)> files = [.. FilesOf(Checkpoints.Causal).Where(file => file.Name != GenerationFile)];
            files.Add((GenerationFile, Encoding.UTF8.GetBytes(configuration)));
            yield return files;
        }
    }

    private const string GenerationFile = "generation_config.json";

    private protected override bool Mutable(string file) => file == GenerationFile;

    private protected override void Read(string folder)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder);
        model.GenerateBatch(["a b"], new GenerationOptions { MaxNewTokens = 4 });
    }
}

/// <summary>Conversations, prompts with answers and preferences, in each of the forms that people have; read twice, once with problems reported.</summary>
internal sealed class ChatDataTarget(string name) : FileTarget(name)
{
    private const string FileName = "data.jsonl";

    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds() =>
        Texts().Select(text => new List<(string, byte[])> { (FileName, Encoding.UTF8.GetBytes(text)) });

    private protected override void Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        foreach (JsonReadingOptions options in new JsonReadingOptions[] { new(), new() { OnProblem = _ => { } } })
        {
            foreach (Func<IEnumerable<object>> read in Readers(path, options))
            {
                try
                {
                    foreach (object _ in read())
                    {
                        // Each record is made.
                    }
                }
                catch (Errors.FineTuningException)
                {
                    // Said in the library's own words; the other ways of reading are still to come.
                }
            }
        }
    }

    private Func<IEnumerable<object>>[] Readers(string path, JsonReadingOptions options) => Name == "preferences"
        ? [() => PreferencePairs.Read(path, options), () => UnpairedPreferences.Read(path, options)]
        : [() => Conversations.Read(path, null, options), () => PromptCompletions.Read(path, null, options)];

    private string[] Texts() => Name == "preferences"
        ?
        [
            """{"prompt":"a","chosen":"b","rejected":"c","margin":1.5}""" + "\n",
            """{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rejected":[{"role":"user","content":"a"},{"role":"assistant","content":"c"}]}""",
            "{\"prompt\":\"a\",\"completion\":\"b\",\"label\":true}\n{\"prompt\":\"a\",\"completion\":\"c\",\"label\":false}\n",
        ]
        :
        [
            """{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":1}]}""" + "\n",
            """{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}],"system":"s"}""" + "\n",
            """{"instruction":"a","input":"","output":"b"}""" + "\n" + """{"instruction":"c","input":"d","output":"e"}""",
            """{"prompt":"a","completion":"b"}""" + "\n" + """{"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]}""",
            """{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","tool_call_id":"1","content":"2"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}""",
        ];
}

/// <summary>Checkpoints in the forms of quantizing libraries: integers where floats belong, scales beside them.</summary>
internal sealed class QuantizedTarget() : FileTarget("quantized")
{
    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds()
    {
        foreach (string method in new[] { "bitsandbytes", "gptq", "awq", "fp8" })
        {
            List<(string Name, byte[] Contents)> files = FilesOf(Checkpoints.Classifier);
            int config = files.FindIndex(file => file.Name == "config.json");
            string text = Encoding.UTF8.GetString(files[config].Contents).TrimEnd().TrimEnd('}') +
                $$""","quantization_config":{"quant_method":"{{method}}","load_in_8bit":true,"bits":4,"group_size":128}""" + "}";
            files[config] = ("config.json", Encoding.UTF8.GetBytes(text));
            yield return files;
        }
        yield return Scaled();
    }

    private protected override bool Mutable(string file) => file is "config.json" or "model.safetensors";

    private protected override void Read(string folder)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(folder);
        model.Predict("a b c");
    }

    // As bitsandbytes stores 8 bits: int8 in place of a weight, and its scale beside it.
    private static List<(string Name, byte[] Contents)> Scaled()
    {
        string folder = Directory.CreateTempSubdirectory("scaled").FullName;
        foreach ((string name, byte[] contents) in FilesOf(Checkpoints.Classifier)) File.WriteAllBytes(Path.Combine(folder, name), contents);
        FineTuningRuntime.Load();
        using var scope = NewDisposeScope();
        var tensors = new List<(string, Tensor)>();
        using (ITensorSource source = CheckpointFiles.Open(folder))
        {
            foreach (string name in source.Tensors.Keys)
            {
                Tensor value = source.Read(name);
                bool isScaled = name.EndsWith("query.weight", StringComparison.Ordinal);
                tensors.Add((name, isScaled ? value.to(ScalarType.Int8) : value));
                if (isScaled) tensors.Add((name.Replace("weight", "SCB", StringComparison.Ordinal), ones(value.shape[0])));
            }
        }
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        return FilesOf(folder);
    }
}
