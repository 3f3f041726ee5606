using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Benchmarks.Suites;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// Tokens per second of every head beside plain classification (the last layer computed for every token) and beside the library's own, which computes it for the
/// first token alone, on the same texts in batches of the same size. The heads take their steps in turns, so that
/// whatever else the machine does meets all of them; on a busy machine one thread and the ratio of processor times say more than the clock.
/// </summary>
internal static class HeadsCommand
{
    private const string Names = "plain,classification,tagging,tagging-crf,answering,similarity,masked";

    public static void Run(Arguments arguments)
    {
        FineTuningRuntime.Load();
        if (arguments.Number("threads", 0) is > 0 and int threads) torch.set_num_threads(threads);
        int steps = arguments.Number("steps", 20), batch = arguments.Number("batch", 16), words = arguments.Number("words", 60);
        string[][] texts = HeadTasks.Texts(batch * 8, words);
        int layers = arguments.Number("layers", 0);
        string folder = layers == 0 ? SuiteModel.Folder : OfDepth(layers);
        HeadStep[] heads = [.. arguments.Text("heads", Names).Split(',').Select(name => HeadTasks.Make(name, folder, texts, batch))];
        try
        {
            // The first round is not measured. On a busy machine the time is up before the steps are.
            foreach (HeadStep head in heads)
            {
                head.Run();
                head.Reset();
            }
            double limit = arguments.Number("seconds", 600);
            int done = 0;
            for (; done < steps && heads.Sum(head => head.Seconds) < limit; done++)
            {
                foreach (HeadStep head in heads) head.Run();
            }
            steps = done;
            Console.WriteLine($"{Path.GetFileName(SuiteModel.Folder)}{(layers == 0 ? "" : $" with {layers} layers, of random weights")}: {steps} steps of {batch} texts of about {words} words");
            Console.WriteLine("                 ms/step   real tokens/s   x plain   by processor time   x classification   by processor time");
            HeadStep plain = heads[0], first = heads.FirstOrDefault(head => head.Name == "classification") ?? plain;
            foreach (HeadStep head in heads)
            {
                double Clock(HeadStep to) => head.Tokens / head.Seconds / (to.Tokens / to.Seconds);
                double Processor(HeadStep to) => head.Tokens / head.ProcessorSeconds / (to.Tokens / to.ProcessorSeconds);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{head.Name,-16} {head.Seconds / steps * 1000,7:0} {head.Tokens / head.Seconds,15:0} {Clock(plain),9:0.000} {Processor(plain),19:0.000} {Clock(first),18:0.000} {Processor(first),19:0.000}"));
            }
        }
        finally
        {
            foreach (HeadStep head in heads) head.Dispose();
            if (layers > 0) Directory.Delete(folder, recursive: true);
        }
    }

    // Most encoders have more layers than the small one beside the checkout: what is saved in the last one weighs less in them.
    private static string OfDepth(int layers)
    {
        string folder = Directory.CreateTempSubdirectory("heads").FullName;
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(SuiteModel.Folder, "config.json")))!;
        config["num_hidden_layers"] = layers;
        using (OutputHead model = OutputHead.Create(config.ToJsonString(), HeadKind.None)) model.Save(folder);
        foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json", "vocab.txt" }) File.Copy(Path.Combine(SuiteModel.Folder, file), Path.Combine(folder, file));
        return folder;
    }
}
