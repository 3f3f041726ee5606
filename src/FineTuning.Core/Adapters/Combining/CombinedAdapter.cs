using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>The tensors of an adapter that is made of others, as if they stood in its file.</summary>
/// <param name="options">What its adapter_config.json would say.</param>
internal sealed class AdapterTensors(Adapter options) : ITensorSource
{
    private readonly Dictionary<string, Tensor> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoredTensor> _stored = new(StringComparer.Ordinal);

    public Adapter Options { get; } = options;

    public IReadOnlyDictionary<string, StoredTensor> Tensors => _stored;

    /// <summary>Owns a tensor from now on.</summary>
    public void Add(string key, Tensor value)
    {
        _values[key] = value.contiguous().DetachFromDisposeScope();
        _stored[key] = new(key, "F32", value.shape, "the adapter in memory");
    }

    public Tensor Read(string name) => _values[name].clone();

    public void Dispose()
    {
        foreach (Tensor value in _values.Values) value.Dispose();
    }
}

/// <summary>One adapter of several.</summary>
internal static class CombinedAdapter
{
    /// <param name="kind">How.</param>
    /// <param name="parts">At least one adapter, with its weight.</param>
    /// <param name="keep">What DARE keeps; null: what is drawn.</param>
    /// <exception cref="InvalidOptionsException">Settings are out of range, or an adapter is none that can be combined: all are named.</exception>
    public static AdapterTensors Of(AdapterCombination kind, IReadOnlyList<(string Name, BuiltAdapter Adapter, double Weight)> parts,
        Func<string, string, Tensor, Tensor>? keep = null)
    {
        Check(kind, parts);
        var byPath = new Dictionary<string, List<FactorPart>>(StringComparer.Ordinal);
        foreach ((string name, BuiltAdapter adapter, double weight) in parts)
        {
            foreach (LoraLinear linear in adapter.Linears.Cast<LoraLinear>())
            {
                if (!byPath.TryGetValue(linear.Path, out List<FactorPart>? own)) byPath[linear.Path] = own = [];
                own.Add(new(name, linear.A, linear.B, linear.Scale, weight));
            }
        }
        long[] ranks = [.. parts.Select(part => part.Adapter.Linears.Max(method => ((LoraLinear)method).A.shape[0]))];
        long rank = kind.Kind == CombinationKind.Concatenated ? ranks.Sum() : kind.Rank ?? ranks.Max();
        if (rank > 65536) throw new InvalidOptionsException([$"the combined rank is {rank}; it is at most 65536"]);
        if (!kind.Decomposes && kind.Kind != CombinationKind.Concatenated)
        {
            string[] unlike = [.. byPath.Where(pair => pair.Value.Exists(part => part.A.shape[0] != rank)).Select(pair => pair.Key)];
            if (unlike.Length > 0) throw new InvalidOptionsException([$"{kind.Kind} needs adapters of one rank, but on '{unlike[0]}' they have " +
                $"{string.Join(" and ", byPath[unlike[0]].Select(part => part.A.shape[0]))}: take Concatenated or Decomposed"]);
        }
        var combined = new AdapterTensors(Adapter.Lora((int)rank, rank).On(targets => targets.Named([.. byPath.Keys])));
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        foreach ((string path, List<FactorPart> own) in byPath)
        {
            var combiner = new FactorCombiner(kind, rank, (name, like) => keep is null ? Drawn(kind, $"{path}.{name}", like) : keep(path, name, like));
            LoraFactors factors = combiner.Of(own);
            combined.Add($"{ParameterSource.Prefix}{path}.lora_A.weight", factors.A);
            combined.Add($"{ParameterSource.Prefix}{path}.lora_B.weight", factors.B);
        }
        return combined;
    }

    private static void Check(AdapterCombination kind, IReadOnlyList<(string Name, BuiltAdapter Adapter, double Weight)> parts)
    {
        var violations = new List<string>();
        kind.CollectViolations(violations);
        if (parts.Count == 0) violations.Add("no adapter is named that could be combined");
        foreach ((string name, BuiltAdapter adapter, double weight) in parts)
        {
            if (!double.IsFinite(weight) || weight == 0) violations.Add($"the weight of '{name}' is {weight:g6}; it is a number other than 0");
            if (adapter.Linears.Count == 0 || adapter.Tables.Count > 0 || adapter.Linears.Exists(method => method is not LoraLinear { IsPlain: true }))
                violations.Add($"'{name}' is not plain LoRA on linear layers: only such adapters are combined");
            else if (adapter.Wholes.Count > 0)
                violations.Add($"'{name}' holds modules that were trained whole ({adapter.Wholes[0].Weight.Name}), of which there can be only one");
        }
        if (parts.Select(part => part.Name).Distinct(StringComparer.Ordinal).Count() != parts.Count) violations.Add("an adapter is named twice");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }

    // A function of seed and name, whatever else is combined.
    private static Tensor Drawn(AdapterCombination kind, string name, Tensor like)
    {
        using var generator = new Generator((ulong)(kind.Seed ^ DropoutSite.Of(name)));
        return rand(like.shape, generator: generator).lt(Held(kind.Density)).to(like.device);
    }
}
