using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Models;

namespace FineTuning.Processes;

/// <summary>
/// A run that encodes its data into a file (<c>KeepRowsOnDisk</c>), in a process that is killed by SIGKILL at a random moment of the encoding: the next run learns the bits of
/// the run that nobody killed, and finds no file that is taken for whole and is not. Every run has other data than the file of the run before, which it replaces.
/// </summary>
internal static class EncodingKillTest
{
    private const int DataSets = 2, TriesForAKill = 10;

    private const string Decoder = """
        {"model_type":"gpt2","n_embd":16,"n_layer":1,"n_head":2,"n_positions":64,"bos_token_id":1,"eos_token_id":2,"pad_token_id":0}
        """;

    /// <param name="count">Kills that fall into the encoding.</param>
    /// <param name="checkpoint">Its tokenizer is taken.</param>
    /// <param name="seed">Draws the moments.</param>
    public static int Run(int count, string checkpoint, int seed)
    {
        string parent = Directory.CreateTempSubdirectory("encoding-kills").FullName, decoder = Path.Combine(parent, "decoder"), rows = Path.Combine(parent, "rows");
        try
        {
            Make(checkpoint, decoder);
            EncodingWorker.Outcome Next(string folder, int data) => EncodingWorker.Train(decoder, folder, data, _ => { });
            string[] whole = [.. Enumerable.Range(0, DataSets).Select(data => Next(Path.Combine(parent, "whole"), data).Learned)];
            var unharmed = new Worker("encoding-worker", decoder, rows, $"{DataSets - 1}");
            unharmed.Run(Begins, null);
            if (unharmed.TimeOf(EncodingWorker.Written) is not { } time) return Fail($"a process that nobody killed ended with {unharmed.ExitCode}: {string.Join(" | ", unharmed.Lines)}");
            // A little longer, so that the moment in which the rows get their name is among them.
            int longest = Math.Max(1, (int)(1.1 * time.TotalMilliseconds));
            var random = new Random(seed);
            int kills = 0, late = 0, left = 0, found = 0;
            while (kills < count)
            {
                if (late > TriesForAKill * count) return Fail($"{late} kills came when the encoding was over");
                int data = (kills + late) % DataSets;
                var worker = new Worker("encoding-worker", decoder, rows, $"{data}");
                worker.Run(Begins, random.Next(longest));
                if (!worker.WasKilled && worker.ExitCode != 0) return Fail($"a process ended by itself with {worker.ExitCode}: {string.Join(" | ", worker.Lines)}");
                if (!worker.WasKilled || worker.Lines.Contains(EncodingWorker.Written)) late++;
                else kills++;
                if (Directory.GetDirectories(rows, ".*").Length > 0) left++;
                EncodingWorker.Outcome next = Next(rows, data);
                if (next.Learned != whole[data]) return Fail($"after {kills} kills the next run came to {next.Learned}; {whole[data]} was expected");
                if (!next.HasWritten) found++;
                string[] there = Directory.GetFileSystemEntries(rows);
                if (next.HasWritten && !(there.Length == 1 && Path.GetFileName(there[0]).StartsWith("rows-", StringComparison.Ordinal)))
                    return Fail($"the next run left {string.Join(", ", there)}");
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} kills while rows were encoded (and {late} later), {left} left unfinished files behind, all cleared away; "
                + $"the next run found whole rows {found} times and encoded them {kills + late - found} times, each time with the hash and the warnings of the whole run"));
            return 0;
        }
        finally
        {
            Directory.Delete(parent, recursive: true);
        }
    }

    // A tiny decoder of random weights.
    private static void Make(string checkpoint, string folder)
    {
        Directory.CreateDirectory(folder);
        using JsonDocument tokenizer = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(checkpoint, "tokenizer.json")));
        JsonObject config = JsonNode.Parse(Decoder)!.AsObject();
        config["vocab_size"] = tokenizer.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().Max(word => word.Value.GetInt32()) + 1;
        using (OutputHead head = OutputHead.Create(config.ToJsonString(), HeadKind.CausalLanguage, 0, new ModelLoadOptions { Seed = 1 })) head.Save(folder);
        File.Copy(Path.Combine(checkpoint, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"), overwrite: true);
        JsonObject named = JsonNode.Parse(File.ReadAllText(Path.Combine(checkpoint, "tokenizer_config.json")))!.AsObject();
        named["eos_token"] = named["sep_token"]!.DeepClone();
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), named.ToJsonString());
    }

    private static bool Begins(string line) => line == EncodingWorker.Begins;

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}
