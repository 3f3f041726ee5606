using System.Diagnostics;
using System.Text;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Strategies;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Each file of a folder that this library writes, of every kind, takes the place of a bad one in turn: the error names it.</summary>
public sealed class EveryFileTests
{
    // The list of what was written is read where something is replaced, not where it is loaded.
    private const string List = "finetuning_files.json";

    private static readonly Dictionary<string, (Action<string> Save, Action<string> Load)> Folders = new(StringComparer.Ordinal)
    {
        ["classifier"] = (Saved(() => Pretrained.TextClassifier<string>(Checkpoints.Classifier), (model, to) => model.Save(to)), folder => Pretrained.TextClassifier<string>(folder).Dispose()),
        ["sentences"] = (Saved(() => Pretrained.SentenceEncoder(Checkpoints.Plain), (model, to) => model.Save(to)), folder => Pretrained.SentenceEncoder(folder).Dispose()),
        ["few-shot"] = (Saved(FewShot, (model, to) => model.Save(to)), folder => Pretrained.FewShotClassifier<string>(folder).Dispose()),
        ["answers"] = (Saved(() => Pretrained.QuestionAnswerer(Checkpoints.Plain, new() { AllowsNoAnswer = true }), (model, to) => model.Save(to)), folder => Pretrained.QuestionAnswerer(folder).Dispose()),
        ["writer"] = (Saved(() => Pretrained.CausalLanguageModel(Checkpoints.Causal), (model, to) => model.Save(to)), Chats),
        ["pair"] = (Saved(() => Pretrained.TextToText(Checkpoints.EncoderDecoder), (model, to) => model.Save(to)), Asks),
        ["adapter"] = (Saved(Adapted, (model, to) => model.SaveAdapter(to)), Adapt),
    };

    public static TheoryData<string, string> Files()
    {
        var data = new TheoryData<string, string>();
        foreach (string kind in Folders.Keys)
        {
            string folder = Checkpoints.Fresh();
            Folders[kind].Save(folder);
            foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path)).Order(StringComparer.Ordinal))
            {
                if (file != List) data.Add(kind, file);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task It_is_whole_strict_and_a_file_or_refused_by_name(string kind, string file)
    {
        string folder = Checkpoints.Fresh(), path = Path.Combine(folder, file);
        Folders[kind].Save(folder);
        Folders[kind].Load(folder);
        byte[] contents = File.ReadAllBytes(path);
        if (Path.GetExtension(file) == ".json")
        {
            Refused("{\"twice\":1,\"twice\":2", twice: true);
            Refused("{\"\\ud800\":1", twice: false);
        }
        if (!OperatingSystem.IsLinux()) return;
        File.Delete(path);
        using (Process process = Process.Start("mkfifo", [path])) await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Exception? pipe = await Task.Run(() => Record.Exception(() => Folders[kind].Load(folder)), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Named(file, pipe);
        File.Delete(path);
        File.CreateSymbolicLink(path, path);
        Named(file, Record.Exception(() => Folders[kind].Load(folder)));

        void Refused(string begin, bool twice)
        {
            string text = Encoding.UTF8.GetString(contents);
            int open = text.IndexOf('{', StringComparison.Ordinal);
            string rest = text[(open + 1)..].TrimStart();
            File.WriteAllText(path, text[..open] + begin + (rest.StartsWith('}') ? "" : ",") + rest);
            Exception? failure = Record.Exception(() => Folders[kind].Load(folder));
            Named(file, failure);
            if (twice) Assert.Contains("twice", failure!.Message, StringComparison.Ordinal);
        }
    }

    private static void Named(string file, Exception? failure)
    {
        Assert.IsType<CheckpointException>(failure);
        Assert.Contains(Path.GetFileName(file), failure.Message, StringComparison.Ordinal);
    }

    private static Action<string> Saved<TModel>(Func<TModel> make, Action<TModel, string> save)
        where TModel : IDisposable => folder =>
        {
            using TModel model = make();
            save(model, folder);
        };

    private static FewShotClassifier<string> FewShot()
    {
        FewShotClassifier<string> model = Pretrained.FewShotClassifier(Checkpoints.Plain, new FewShotOptions<string> { PairsPerText = 0 });
        model.Train([new LabeledText<string>("a", "x"), new LabeledText<string>("b", "y")]);
        return model;
    }

    private static TextClassifier<string> Adapted()
    {
        TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        model.Adapters.Add(FineTuning.Adapters.Adapter.Lora(2));
        return model;
    }

    // A chat template is read with the folder, and looked at where it is asked for.
    private static void Chats(string folder)
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder);
        _ = model.Tokenizer.ChatTemplate;
    }

    private static void Asks(string folder)
    {
        using TextToText model = Pretrained.TextToText(folder);
        _ = model.Tokenizer.ChatTemplate;
    }

    private static void Adapt(string folder)
    {
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        model.LoadAdapter(folder);
    }
}
