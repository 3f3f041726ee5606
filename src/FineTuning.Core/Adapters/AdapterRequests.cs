using FineTuning.Errors;
using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Which adapter each input of a call asks for; see <see cref="ModelAdapters.Route"/>.</summary>
/// <param name="adapters">The model's.</param>
/// <param name="head">The model.</param>
/// <param name="names">By input; null: the base.</param>
internal sealed class AdapterRequests(ModelAdapters adapters, OutputHead head, IReadOnlyList<string?> names)
{
    [ThreadStatic]
    private static AdapterRequests? _current;

    private readonly bool[] _asked = new bool[names.Count];

    /// <summary>Those of the call that this thread is in, for a model; null: there are none.</summary>
    public static AdapterRequests? For(WeightSet weights) => _current is { } own && own.Gate == weights.Gate ? own : null;

    private WeightGate Gate => head.Weights.Gate;

    /// <summary>Answers a call.</summary>
    public TResult During<TResult>(Func<TResult> predict)
    {
        AdapterRequests? outer = _current;
        _current = this;
        TResult answers;
        try
        {
            answers = predict();
        }
        finally
        {
            _current = outer;
        }
        int asked = _asked.Count(one => one);
        return asked == names.Count ? answers : throw Unlike($"{asked}");
    }

    /// <summary>The adapters of a batch's rows. Called inside a pass, so that none is freed meanwhile.</summary>
    /// <param name="inputs">The number of each row's input.</param>
    /// <exception cref="ArgumentException">There are not as many inputs as names.</exception>
    /// <exception cref="InvalidOperationException">An adapter changes more than rows can differ in.</exception>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    public RowAdapters Of(IReadOnlyList<int> inputs)
    {
        if (adapters.Merged is { } merged) throw new InvalidOperationException($"the adapter '{merged}' is merged into the model: unmerge it first");
        Require(adapters.Current, "is active; go back to the base first (WithoutAdapter)");
        foreach (int input in inputs)
        {
            if (input >= names.Count) throw Unlike("more");
            _asked[input] = true;
        }
        var rows = new RowAdapters(inputs.Count);
        foreach (IGrouping<string, int> group in Enumerable.Range(0, inputs.Count).Where(row => names[inputs[row]] is not null)
            .GroupBy(row => names[inputs[row]]!, StringComparer.Ordinal))
        {
            BuiltAdapter built = adapters.Find(group.Key);
            Require(built, "is asked for; predict with it alone (UseAdapter)");
            Tensor index = tensor(group.Select(row => (long)row).ToArray(), ScalarType.Int64, head.Device);
            foreach (LinearMethod method in built.Linears) rows.Add(method.Module, method, index);
            foreach (LinearModule module in head.Modules.Linears)
            {
                if (WholeLinear.Of(module, built) is { } whole) rows.Add(module, whole, index);
            }
        }
        return rows;
    }

    private ArgumentException Unlike(string inputs) => new(
        $"{names.Count} names of adapters were given and {inputs} inputs were predicted: each input has one, or null for the base");

    private void Require(BuiltAdapter? built, string why)
    {
        if (built is null) return;
        bool disentangled = head.Trunk.Plan.Top.Layers.Any(layer => layer.Attention.Disentangled is not null);
        string? what = built.Prompt is not null ? "learned vectors before the text"
            : built.Tables.Count > 0 ? "embeddings"
            : built.Wholes.Find(whole => !head.Modules.Linears.Any(module => WholeLinear.IsOf(module, whole.Weight))) is { Weight: { } weight } ? weight.Name
            : disentangled && built.Linears.Exists(method => method.Module.Linear.Name.Contains("attention", StringComparison.Ordinal))
                ? "projections that positions go through too" : null;
        if (what is null) return;
        throw new InvalidOperationException($"rows of one batch cannot differ in {what}, but an adapter with them {why}");
    }

    /// <summary>An output layer that was trained whole, for the rows that ask for it.</summary>
    private sealed class WholeLinear(Tensor matrix, Tensor? bias) : ILinearAdapter
    {
        public Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context)
        {
            Tensor values = input.dtype == matrix.dtype ? input : input.to(matrix.dtype);
            return nn.functional.linear(values, matrix.narrow(0, start, count), bias?.narrow(0, start, count)).to(product.dtype);
        }

        public static bool IsOf(LinearModule module, Weight weight) => module.Length == module.Linear.Matrix.Rows
            && (ReferenceEquals((module.Linear.Matrix as DenseMatrix)?.Weight, weight) || ReferenceEquals(module.Linear.Bias, weight));

        public static WholeLinear? Of(LinearModule module, BuiltAdapter built)
        {
            (Weight Weight, Tensor Value)[] own = [.. built.Wholes.Where(whole => IsOf(module, whole.Weight))];
            if (own.Length == 0) return null;
            Tensor? Value(Weight? weight) => weight is null ? null : own.FirstOrDefault(whole => ReferenceEquals(whole.Weight, weight)).Value ?? weight.Own;
            return new(Value(((DenseMatrix)module.Linear.Matrix).Weight)!, Value(module.Linear.Bias));
        }
    }
}
