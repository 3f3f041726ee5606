using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Testing;

/// <summary>A copy of a model's weights as plain numbers, by name.</summary>
internal sealed class WeightValues
{
    private readonly Dictionary<string, float[]> _values;

    private WeightValues(Dictionary<string, float[]> values) => _values = values;

    public float[] this[string name] => _values[name];

    public IEnumerable<string> Names => _values.Keys;

    public static WeightValues Of(WeightSet weights) => new(weights.ToDictionary(weight => weight.Name, weight => Read(weight.Value), StringComparer.Ordinal));

    /// <summary>The gradients that the weights have now, 0 where one has none.</summary>
    public static WeightValues GradientsOf(WeightSet weights) => new(weights.ToDictionary(weight => weight.Name,
        weight => weight.Value.grad is { } gradient ? Read(gradient) : new float[weight.Value.numel()], StringComparer.Ordinal));

    /// <summary>Puts the numbers back.</summary>
    public void Restore(WeightSet weights)
    {
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        foreach (Weight weight in weights)
        {
            if (_values.TryGetValue(weight.Name, out float[]? values))
                weight.Value.copy_(tensor(values, weight.Value.shape, ScalarType.Float32).to(weight.Value.dtype, weight.Value.device));
        }
    }

    public bool IsSame(string name, WeightValues other) => _values[name].AsSpan().SequenceEqual(other._values[name]);

    /// <summary>How far a weight moved, as a 2-norm.</summary>
    public double Distance(string name, WeightValues other) =>
        Math.Sqrt(_values[name].Zip(other._values[name], (a, b) => ((double)a - b) * ((double)a - b)).Sum());

    public double Norm(string name) => Math.Sqrt(_values[name].Sum(value => (double)value * value));

    /// <summary>The first weight that differs; null: none does.</summary>
    /// <param name="other">Has the same names.</param>
    /// <param name="tolerance">Relative to the largest number of the weight; 0: to the bit.</param>
    public (string Where, double Left, double Right)? Difference(WeightValues other, double tolerance)
    {
        foreach ((string name, float[] own) in _values)
        {
            if (!other._values.TryGetValue(name, out float[]? others) || others.Length != own.Length) return (name, own.Length, others?.Length ?? 0);
            double largest = tolerance == 0 ? 0 : Math.Max(1e-3, own.Max(value => Math.Abs((double)value)));
            for (int i = 0; i < own.Length; i++)
            {
                if (own[i].Equals(others[i]) || Math.Abs((double)own[i] - others[i]) <= tolerance * largest) continue;
                return ($"'{name}' at {i}", own[i], others[i]);
            }
        }
        return null;
    }

    private static float[] Read(Tensor value)
    {
        using var scope = NewDisposeScope();
        return value.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }
}
