using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Gives an adapter its tensors, one by one as the methods ask for them: from a file, or fresh. Who saves goes through the same list.</summary>
/// <param name="weights">Gets the weights.</param>
/// <param name="file">The adapter's tensors; null: all are fresh.</param>
/// <param name="type">The type of the numbers.</param>
/// <param name="device">Where they lie.</param>
/// <param name="seed">Of what is drawn.</param>
internal sealed class ParameterSource(WeightSet weights, ITensorSource? file, ScalarType type, Device device, long seed) : IDisposable
{
    /// <summary>What stands before a name in the file of most methods.</summary>
    public const string Prefix = "base_model.model.";

    private const string PromptKey = "prompt_embeddings";

    private readonly List<(string Key, Func<Tensor> Value)> _entries = [];
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Weight> _shared = new(StringComparer.Ordinal);
    private readonly Generator _generator = new((ulong)seed);

    /// <summary>What the file lacks, or holds in another shape.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>What is saved, by its key.</summary>
    public IReadOnlyList<(string Key, Func<Tensor> Value)> Entries => _entries;

    /// <summary>What stands before every name in the file.</summary>
    public string KeyPrefix { get; init; } = Prefix;

    /// <summary>The model's family, by config.json.</summary>
    public string ModelType { get; init; } = "";

    /// <summary>The type of the numbers.</summary>
    public ScalarType Type => type;

    /// <summary>Draws what is fresh.</summary>
    public Generator Generator => _generator;

    /// <summary>Whether the adapter is fresh.</summary>
    public bool IsFresh => file is null;

    /// <summary>The largest number of inputs and of outputs among the adapted modules.</summary>
    public (long Inputs, long Outputs) Largest { get; set; }

    /// <summary>A weight of the adapter.</summary>
    /// <param name="path">The module's path.</param>
    /// <param name="suffix">What the file writes behind it.</param>
    /// <param name="shape">Its shape, here and in the file.</param>
    /// <param name="depth">The depth of the module's weights.</param>
    /// <param name="initial">Makes it where it is fresh.</param>
    /// <param name="trains">Whether it trains.</param>
    /// <param name="isOwn">Whether nobody else holds what <paramref name="initial"/> makes, so that it needs no copy.</param>
    public Weight Make(string path, string suffix, long[] shape, int depth, Func<Tensor> initial, bool trains = true, bool isOwn = false)
    {
        string key = $"{KeyPrefix}{path}.{suffix}";
        Tensor value = Take(key, shape, initial, isOwn);
        WeightKind kind = suffix.EndsWith("bias", StringComparison.Ordinal) ? WeightKind.Bias : WeightKind.Matrix;
        Weight weight = weights.Add(key[KeyPrefix.Length..], value, kind, depth, []);
        if (!trains) weight.Freeze();
        _entries.Add((key, () => weight.Value));
        return weight;
    }

    /// <summary>The vectors of a learned prompt.</summary>
    public Weight MakePrompt(long[] shape, Func<Tensor> initial)
    {
        Weight weight = weights.Add("prompt_encoder.embedding.weight", Take(PromptKey, shape, initial), WeightKind.Matrix, 0, []);
        _entries.Add((PromptKey, () => weight.Value));
        return weight;
    }

    /// <summary>A weight of a network that is left behind when the adapter is saved.</summary>
    public Weight MakeUnsaved(string name, Func<Tensor> initial)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        return weights.Add(name, Own(initial()).MoveToOuterDisposeScope(), name.Contains("bias", StringComparison.Ordinal) ? WeightKind.Bias
            : WeightKind.Matrix, 0, []);
    }

    /// <summary>Saves what such a network makes.</summary>
    public void SavePrompt(Func<Tensor> made) => _entries.Add((PromptKey, made));

    /// <summary>A frozen weight that all modules of the adapter share.</summary>
    public Weight Shared(string key, long[] shape, Func<Tensor> initial)
    {
        if (_shared.TryGetValue(key, out Weight? known)) return known;
        Weight weight = weights.Add(key, Take(key, shape, initial), WeightKind.Matrix, 0, []);
        weight.Freeze();
        _entries.Add((key, () => weight.Value));
        return _shared[key] = weight;
    }

    /// <summary>A weight that the file holds twice: what is read must be the same.</summary>
    public void Repeat(string path, string suffix, Weight weight, Func<Tensor, Tensor> turned)
    {
        string key = $"{KeyPrefix}{path}.{suffix}";
        using var scope = NewDisposeScope();
        Tensor own = turned(weight.Value);
        if (!Take(key, own.shape, () => own).eq(own).all().item<bool>()) Faults.Add($"'{key}' differs from '{weight.Name}', to which it is tied");
        _entries.Add((key, () => turned(weight.Value)));
    }

    /// <summary>A tensor of the file, checked for its shape before it is read; where it cannot be had, what <paramref name="initial"/> makes.</summary>
    /// <param name="key">In the file.</param>
    /// <param name="shape">That the model needs.</param>
    /// <param name="initial">Makes it.</param>
    /// <param name="isOwn">Whether nobody else holds what that makes, so that it needs no copy.</param>
    public Tensor Take(string key, long[] shape, Func<Tensor> initial, bool isOwn = false)
    {
        using var scope = NewDisposeScope();
        if (file is not null)
        {
            if (!file.Tensors.TryGetValue(key, out StoredTensor? stored)) Faults.Add($"'{key}' is missing");
            else if (!stored.Shape.SequenceEqual(shape)) Faults.Add($"'{key}' has the shape [{string.Join(", ", stored.Shape)}]; the model needs " +
                $"[{string.Join(", ", shape)}]");
            else
            {
                _read.Add(key);
                return Own(file.Read(key)).MoveToOuterDisposeScope();
            }
        }
        return (isOwn ? initial().to(type).to(device) : Own(initial())).MoveToOuterDisposeScope();
    }

    /// <summary>Whether the file holds a tensor.</summary>
    public bool Holds(string key) => file?.Tensors.ContainsKey(key) == true;

    /// <summary>Passes over a tensor of the file that means nothing here.</summary>
    public void Ignore(string key) => _read.Add(key);

    /// <summary>Something to save.</summary>
    public void Add(string key, Func<Tensor> value) => _entries.Add((key, value));

    /// <summary>The file's tensors that nothing has asked for.</summary>
    public IEnumerable<string> Unread => file is null ? [] : file.Tensors.Keys.Where(key => !_read.Contains(key)).Order(StringComparer.Ordinal);

    public void Dispose() => _generator.Dispose();

    // Never the caller's tensor: it becomes a leaf of its own.
    private Tensor Own(Tensor value)
    {
        using var scope = NewDisposeScope();
        Tensor own = value.detach().to(type).to(device).contiguous();
        return own.clone().MoveToOuterDisposeScope();
    }
}
