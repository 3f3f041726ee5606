using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FineTuning.Text;

namespace FineTuning.Tests.Text;

/// <summary>GPT-2's vocabulary and merges from the ranks of a .tiktoken file, as the page of the goldens says.</summary>
internal static class Tiktoken
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Derive(string path, string folder)
    {
        if (File.Exists(Path.Combine(folder, "merges.txt"))) return;
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(path))
        {
            string[] parts = line.Split(' ');
            if (parts.Length == 2) ranks[string.Concat(Convert.FromBase64String(parts[0]).Select(value => ByteAlphabet.Characters[value]))] = int.Parse(parts[1]);
        }
        var merges = new StringBuilder("#version: 0.2\n");
        foreach ((string token, int rank) in ranks.OrderBy(entry => entry.Value))
        {
            if (token.Length < 2) continue;
            List<string> pieces = [.. token.Select(character => character.ToString())];
            while (pieces.Count > 2)
            {
                int best = Enumerable.Range(0, pieces.Count - 1).MinBy(i => ranks.TryGetValue(pieces[i] + pieces[i + 1], out int found) && found < rank ? found : int.MaxValue);
                pieces[best] += pieces[best + 1];
                pieces.RemoveAt(best + 1);
            }
            merges.Append(pieces[0]).Append(' ').Append(pieces[1]).Append('\n');
        }
        ranks["<|endoftext|>"] = ranks.Count;
        File.WriteAllText(Path.Combine(folder, "merges.txt"), merges.ToString());
        File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(ranks, Plain));
    }
}
