using System.Text.Encodings.Web;
using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Writes a checkpoint's weights and configuration with more rows in all tensors that have one a token. Everything else is as it was.</summary>
internal static class VocabularyWidening
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly Dictionary<string, string> FormatMark = new() { ["format"] = "pt" };
    private static readonly Dictionary<int, float[]> NoRows = [];
    private static readonly string[] OfTokens = ["embeddings.token.weight", "head.output.weight", "head.output.bias", "head.output_bias.bias"];

    /// <param name="folder">The checkpoint.</param>
    /// <param name="target">An existing folder.</param>
    /// <param name="size">How many rows there are to be at least.</param>
    /// <param name="rows">Rows of the embeddings by id; a new one that is not here is the mean of the old.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, or the family is not supported.</exception>
    /// <exception cref="ArgumentException">A row is not as long as the embeddings are wide.</exception>
    public static void Write(string folder, string target, int size, IReadOnlyDictionary<int, float[]> rows)
    {
        ConfigFile config = ConfigFile.Read(folder);
        FamilyModel model = ModelFamilies.Of(config).Read(config);
        TrunkPlan spec = model.Plan;
        size = Math.Max(size, spec.VocabularySize);
        foreach ((int id, float[] row) in rows)
        {
            if (row.Length != spec.EmbeddingSize)
                throw new ArgumentException($"the row of the token {id} has {row.Length} numbers; the embeddings have {spec.EmbeddingSize}", nameof(rows));
        }
        using ITensorSource stored = CheckpointFiles.Open(folder);
        QuantizedCheckpoint.Refuse(config, stored, folder);
        using ITensorSource source = SharedPrefix.Without(stored, SharedPrefix.Of([.. stored.Tensors.Keys], model.Begins));
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        var tensors = new List<(string Name, Tensor Value)>();
        foreach (string name in source.Tensors.Keys.Order(StringComparer.Ordinal))
        {
            Tensor value = source.Read(name);
            string? ours = Array.Find(OfTokens, ours => Means(model, name, ours));
            if (ours is null)
            {
                tensors.Add((name, value));
                continue;
            }
            // BART keeps its offset of the scores as a matrix of one row.
            TensorLayout layout = value.dim() == 2 && ours.EndsWith(".bias", StringComparison.Ordinal) ? TensorLayout.SingleRow : TensorLayout.Plain;
            tensors.Add((name, layout.ToFile(Widened(layout.FromFile(value), size, ours == OfTokens[0] ? rows : NoRows, name, source))));
        }
        SafetensorsWriter.Write(Path.Combine(target, "model.safetensors"), tensors, FormatMark);
        config.Root["vocab_size"] = size;
        config.Root["dtype"] = "float32";
        config.Root["torch_dtype"] = "float32";
        File.WriteAllText(Path.Combine(target, "config.json"), config.Root.ToJsonString(Indented) + "\n");
    }

    // The trunk's table, or what a head over the vocabulary has of one a token.
    private static bool Means(FamilyModel model, string stored, string ours)
    {
        string spelled = model.Names.Normalize(stored);
        if (ours == OfTokens[0]) return model.Names.Map(ours, []).Whole == spelled;
        return model.Heads.Values.Any(head => head.Output is { IsOverVocabulary: true }
            && model.Names.TryMap(ours, head.Names) is { } theirs && theirs.Whole == spelled);
    }

    // The mean of the old rows: of the output's as well, so that a new token scores as the others do on average.
    private static Tensor Widened(Tensor value, int size, IReadOnlyDictionary<int, float[]> rows, string name, ITensorSource source)
    {
        if (value.dim() is not (1 or 2) || value.shape[0] > size)
            throw new CheckpointException(source.Tensors[name].File,
                $"'{name}' has the shape [{string.Join(", ", value.shape)}]; a row for each of the {size} tokens was expected");
        long missing = size - value.shape[0];
        if (missing > 0)
        {
            Tensor mean = value.mean([0], keepdim: true);
            value = cat([value, value.dim() == 1 ? mean.expand(missing) : mean.expand(missing, -1)], 0);
        }
        foreach ((int id, float[] row) in rows) value[id] = tensor(row);
        return value;
    }
}
