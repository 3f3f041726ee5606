using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Generation;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Reads the goldens of generation.</summary>
internal static class GenerationGoldens
{
    public static string Require(params string[] parts) => Goldens.Require(["generation", .. parts]);

    public static string RequireFile(params string[] parts)
    {
        string path = Path.Combine([Require(), .. parts]);
        if (!File.Exists(path)) Assert.Skip($"{string.Join('/', parts)} is not among the goldens of generation");
        return path;
    }

    public static IReadOnlyList<JsonElement> Lines(string path)
    {
        var lines = new List<JsonElement>();
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            lines.Add(json.RootElement.Clone());
        }
        Assert.NotEmpty(lines);
        return lines;
    }

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    public static int[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(Ids)];

    public static bool[][]? Mask(JsonElement test, string name = "attention_mask") =>
        test.TryGetProperty(name, out JsonElement mask) ? [.. Rows(mask).Select(row => row.Select(kept => kept == 1).ToArray())] : null;

    public static double Number(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? value.GetString() switch { "Infinity" => double.PositiveInfinity, "-Infinity" => double.NegativeInfinity, _ => double.NaN } : value.GetDouble();

    /// <summary>Options of a folder's file with arguments laid over them, null ones included, as the reference does.</summary>
    public static GenerationOptions Options(string? folder, JsonElement args)
    {
        string path = folder is null ? "" : Path.Combine(folder, GenerationConfigFile.Name);
        JsonObject root = File.Exists(path) ? (JsonObject)JsonNode.Parse(File.ReadAllText(path))! : [];
        foreach (JsonProperty argument in args.EnumerateObject())
        {
            if (argument.Name is not ("prefix_allowed_by_step" or "decoder_input_ids" or "negative_prompt_ids"))
            {
                root[argument.Name] = JsonNode.Parse(argument.Value.GetRawText());
            }
        }
        return GenerationConfigFile.Parse("arguments", root.ToJsonString()).Options;
    }

    public static int[][] IdRows(SafetensorsFile file, string name, int? length = null)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        TorchSharp.torch.Tensor stored = file.Read(name);
        long[] flat = stored.data<long>().ToArray();
        int width = (int)stored.shape[1];
        return [.. Enumerable.Range(0, (int)stored.shape[0]).Select(row => flat.Skip(row * width).Take(length ?? width).Select(id => (int)id).ToArray())];
    }

    public static (float[] Values, long[] Shape) Floats(SafetensorsFile file, string name)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        TorchSharp.torch.Tensor stored = file.Read(name);
        return (stored.data<float>().ToArray(), stored.shape);
    }

    public static bool Near(double expected, double found, double absolute, double relative = 0) =>
        expected.Equals(found) || Math.Abs(expected - found) <= absolute + (relative * Math.Abs(expected));
}
