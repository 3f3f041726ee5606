using System.Text.Json;
using FineTuning.Heads;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Losses over embeddings and their gradients against sentence-transformers, PyTorch and the papers.</summary>
public sealed class GoldenSimilarityLossTests
{
    [Fact]
    public void Losses_and_gradients_equal_the_reference()
    {
        string path = Path.Combine(Goldens.Require("losses"), "losses.jsonl");
        var differences = new List<string>();
        int line = 0, compared = 0;
        foreach (string text in File.ReadLines(path))
        {
            line++;
            using JsonDocument json = JsonDocument.Parse(text);
            using var scope = NewDisposeScope();
            var inputs = new Dictionary<string, Tensor>();
            if (Compute(json.RootElement, inputs) is not { } loss) continue;
            compared++;
            string kind = json.RootElement.GetProperty("kind").GetString()!;
            double expected = json.RootElement.GetProperty("outputs").GetProperty("loss").GetDouble();
            if (Math.Abs(expected - loss.item<float>()) > 1e-5 * Math.Max(1e-1, Math.Abs(expected))) differences.Add($"line {line} {kind}: loss {loss.item<float>()} instead of {expected}");
            loss.backward();
            foreach (JsonProperty gradient in json.RootElement.GetProperty("grads").EnumerateObject())
            {
                float[] own = inputs[gradient.Name].grad!.data<float>().ToArray();
                double[] theirs = Flat(gradient.Value);
                double worst = own.Zip(theirs).Max(pair => Math.Abs(pair.First - pair.Second) / (1e-2 + Math.Abs(pair.Second)));
                if (own.Length != theirs.Length || worst > 1e-4) differences.Add($"line {line} {kind}: the gradient of {gradient.Name} differs by {worst}");
            }
        }
        Assert.True(compared > 0, "no loss of the file is one of ours");
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static Tensor? Compute(JsonElement line, Dictionary<string, Tensor> inputs)
    {
        JsonElement parameters = line.GetProperty("params"), given = line.GetProperty("inputs");
        double Number(string name, double fallback) => parameters.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : fallback;
        string Word(string name) => parameters.TryGetProperty(name, out JsonElement value) ? value.GetString()! : "";
        Tensor In(string name) => inputs.TryGetValue(name, out Tensor? seen) ? seen : inputs[name] = Matrix(given.GetProperty(name));
        Tensor Labels() => tensor(Flat(given.GetProperty("labels")).Select(value => (float)value).ToArray());
        Tensor Classes() => Labels().to(ScalarType.Int64);
        switch (line.GetProperty("kind").GetString())
        {
            case "multiple_negatives_ranking":
                string[] columns = [.. given.EnumerateObject().Select(entry => entry.Name).Where(name => name != "anchor")];
                return PairLosses.MultipleNegatives(In("anchor"), cat([.. columns.Select(In)], 0), null, Number("scale", 20), Word("similarity") == "dot");
            case "multiple_negatives_symmetric":
                return PairLosses.MultipleNegatives(In("anchor"), In("positive"), null, Number("scale", 20), false)
                    .Plus(PairLosses.MultipleNegatives(In("positive"), In("anchor"), null, Number("scale", 20), false)) / Held(2);
            case "triplet":
                return PairLosses.Triplet(In("anchor"), In("positive"), In("negative"), Enum.Parse<TripletDistance>(Word("distance"), ignoreCase: true), Number("margin", 5));
            case "triplet_margin" when Number("p", 2) == 2:
                return PairLosses.Triplet(In("anchor"), In("positive"), In("negative"), TripletDistance.Euclidean, Number("margin", 1), parameters.GetProperty("swap").GetBoolean());
            case "cosine_embedding":
                Tensor similar = tensor(Flat(given.GetProperty("target")).Select(value => value > 0 ? 1f : 0).ToArray());
                return PairLosses.CosineEmbedding(In("x"), In("z"), similar, Number("margin", 0));
            case "contrastive":
                return PairLosses.Contrastive(In("x"), In("z"), Labels(), Number("margin", 0.5));
            case "online_contrastive":
                return PairLosses.OnlineContrastive(In("x"), In("z"), Labels(), Number("margin", 0.5));
            case "cosent":
                return PairLosses.RankingOfScores(PairLosses.Cosine(In("x"), In("z")), Labels(), Number("scale", 20));
            case "angle":
                return PairLosses.RankingOfScores(PairLosses.Angle(In("x"), In("z")), Labels(), Number("scale", 20));
            case "cosine_similarity_mse":
                return PairLosses.CosineError(In("x"), In("z"), Labels());
            case "margin_mse":
                return PairLosses.MarginError(In("query"), In("positive"), In("negative"), Labels());
            case "supcon":
                return GroupLosses.SupervisedContrastive(In("z"), Classes(), Number("temperature", 0.1), Word("sum").StartsWith("inside", StringComparison.Ordinal));
            case "nt_xent":
                return GroupLosses.TwoViews(In("x"), In("z"), Number("temperature", 0.5));
            case "batch_hard_triplet" when Word("distance") == "euclidean":
                return GroupLosses.BatchHard(In("z"), Classes(), Number("margin", 5));
            case "batch_hard_soft_margin_triplet" when Word("distance") == "euclidean":
                return GroupLosses.BatchHard(In("z"), Classes(), null);
            case "batch_all_triplet" when Word("distance") == "euclidean":
                return GroupLosses.BatchAll(In("z"), Classes(), Number("margin", 5));
            case "batch_semi_hard_triplet" when Word("distance") == "euclidean":
                return GroupLosses.BatchSemiHard(In("z"), Classes(), Number("margin", 5));
            default:
                return null;
        }
    }

    private static Tensor Matrix(JsonElement rows) =>
        tensor(Flat(rows).Select(number => (float)number).ToArray(), [rows.GetArrayLength(), rows[0].GetArrayLength()], requires_grad: true);

    private static double[] Flat(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Flat)] : [element.GetDouble()];
}
