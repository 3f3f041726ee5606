using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Tensors;

namespace FineTuning.Tests.Generation;

/// <summary>A GPT-2 in plain loops over doubles: scores for a search that need neither torch nor the library's models.</summary>
internal sealed class PlainGpt2 : IScoreSource
{
    private readonly Dictionary<string, double[]> _weights = [];
    private readonly int _hidden;
    private readonly int _heads;
    private readonly int _layers;
    private readonly double _epsilon;
    private List<Row> _rows = [];

    public PlainGpt2(string folder)
    {
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        int Count(string key) => config.RootElement.GetProperty(key).GetInt32();
        (_hidden, _heads, _layers, VocabularySize, _epsilon) = (Count("n_embd"), Count("n_head"), Count("n_layer"), Count("vocab_size"), config.RootElement.GetProperty("layer_norm_epsilon").GetDouble());
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        foreach (string name in file.Tensors.Keys) _weights[name.Replace("transformer.", "", StringComparison.Ordinal)] = [.. GenerationGoldens.Floats(file, name).Values.Select(value => (double)value)];
    }

    public int VocabularySize { get; }

    public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores)
    {
        _rows = [.. rows.Select(_ => new Row(_layers))];
        for (int row = 0; row < rows.Count; row++)
        {
            foreach (int token in rows[row].Skip(padding[row])) Feed(_rows[row], token, scores.Slice(row * VocabularySize, VocabularySize));
        }
    }

    public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores)
    {
        var next = new List<Row>();
        for (int row = 0; row < tokens.Length; row++)
        {
            next.Add(new(_rows[parents[row]]));
            Feed(next[row], tokens[row], scores.Slice(row * VocabularySize, VocabularySize));
        }
        _rows = next;
    }

    public void Dispose()
    {
    }

    private void Feed(Row row, int token, Span<float> scores)
    {
        double[] table = _weights["wte.weight"], positions = _weights["wpe.weight"], state = new double[_hidden];
        for (int i = 0; i < _hidden; i++) state[i] = table[(token * _hidden) + i] + positions[(row.Length * _hidden) + i];
        row.Length++;
        for (int layer = 0; layer < _layers; layer++)
        {
            string name = $"h.{layer}.";
            double[] attended = Attend(row, layer, Linear(Normalize(state, name + "ln_1"), name + "attn.c_attn"));
            state = Sum(state, Linear(attended, name + "attn.c_proj"));
            double[] inner = Linear(Normalize(state, name + "ln_2"), name + "mlp.c_fc");
            for (int i = 0; i < inner.Length; i++) inner[i] = 0.5 * inner[i] * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (inner[i] + (0.044715 * Math.Pow(inner[i], 3)))));
            state = Sum(state, Linear(inner, name + "mlp.c_proj"));
        }
        state = Normalize(state, "ln_f");
        for (int id = 0; id < VocabularySize; id++)
        {
            double score = 0;
            for (int i = 0; i < _hidden; i++) score += state[i] * table[(id * _hidden) + i];
            scores[id] = (float)score;
        }
    }

    private double[] Attend(Row row, int layer, double[] projected)
    {
        row.Keys[layer].Add(projected[_hidden..(2 * _hidden)]);
        row.Values[layer].Add(projected[(2 * _hidden)..]);
        int width = _hidden / _heads, count = row.Keys[layer].Count;
        double[] result = new double[_hidden], weights = new double[count];
        for (int head = 0; head < _heads; head++)
        {
            int start = head * width;
            for (int key = 0; key < count; key++) weights[key] = Math.Exp(Enumerable.Range(start, width).Sum(i => projected[i] * row.Keys[layer][key][i]) / Math.Sqrt(width));
            double sum = weights.Sum();
            for (int key = 0; key < count; key++)
            {
                for (int i = start; i < start + width; i++) result[i] += weights[key] / sum * row.Values[layer][key][i];
            }
        }
        return result;
    }

    private double[] Linear(double[] input, string name)
    {
        double[] weight = _weights[name + ".weight"], result = [.. _weights[name + ".bias"]];
        for (int i = 0; i < input.Length; i++)
        {
            for (int j = 0; j < result.Length; j++) result[j] += input[i] * weight[(i * result.Length) + j];
        }
        return result;
    }

    private double[] Normalize(double[] input, string name)
    {
        double mean = input.Average(), variance = input.Average(value => (value - mean) * (value - mean));
        double[] weight = _weights[name + ".weight"], bias = _weights[name + ".bias"];
        return [.. input.Select((value, i) => ((value - mean) / Math.Sqrt(variance + _epsilon) * weight[i]) + bias[i])];
    }

    private static double[] Sum(double[] one, double[] other) => [.. one.Zip(other, (a, b) => a + b)];

    private sealed class Row
    {
        public Row(int layers) => (Keys, Values) = (Lists(layers), Lists(layers));

        public Row(Row other) =>
            (Keys, Values, Length) = ([.. other.Keys.Select(list => list.ToList())], [.. other.Values.Select(list => list.ToList())], other.Length);

        public List<double[]>[] Keys { get; }

        public List<double[]>[] Values { get; }

        public int Length { get; set; }

        private static List<double[]>[] Lists(int layers) => [.. Enumerable.Range(0, layers).Select(_ => new List<double[]>())];
    }
}
