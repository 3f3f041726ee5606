using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A row that is compared with the reference.</summary>
internal interface IReferencedRow
{
    /// <summary>The hash of all that its two log-probabilities depend on, but for the reference.</summary>
    UInt128 Key { get; }
}

/// <summary>
/// Two log-probabilities of each row under a reference, computed once. Whatever trains afterwards, they stay; where the reference is no longer what it was, new
/// rows are refused.
/// </summary>
/// <remarks>Keeps 24 bytes a different row. For one run, or one evaluation, at a time.</remarks>
/// <param name="head">The reference.</param>
/// <param name="onBase">Calls with the reference as it is to be computed: adapters switched off.</param>
internal sealed class ReferenceScores(OutputHead head, Action<Action> onBase)
{
    /// <summary>Below which name a run's state has the values.</summary>
    public const string StatePath = "reference/";

    private const string Keys = StatePath + "keys", Values = StatePath + "log_probabilities", Weights = StatePath + "weights";

    private readonly Dictionary<UInt128, (float First, float Second)> _values = [];
    private byte[]? _fingerprint;

    /// <summary>The row's values; it was computed before.</summary>
    public (float First, float Second) Of(IReferencedRow row) => _values.TryGetValue(row.Key, out (float, float) found) ? found
        : throw new InvalidOperationException("a row has no log-probabilities under the reference: rows are precomputed before they are used");

    /// <summary>Computes what is not there yet.</summary>
    /// <param name="rows">In any order.</param>
    /// <param name="forward">Two values for each row of a batch, [2 rows]: the first of all rows, then the second.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <exception cref="InvalidOperationException">The reference has changed since it was first asked, and there are new rows.</exception>
    public void Compute<TRow>(IEnumerable<TRow> rows, Func<OutputHead, TRow[], int, Tensor> forward, CancellationToken cancellation)
        where TRow : EncodedRow, IReferencedRow
    {
        TRow[] missing = [.. rows.Where(row => !_values.ContainsKey(row.Key)).DistinctBy(row => row.Key)];
        if (missing.Length == 0) return;
        onBase(() =>
        {
            using WeightPass pass = head.Weights.Enter();
            byte[] fingerprint = WeightHash.Digest(head.Weights);
            if (_fingerprint is not null && !fingerprint.AsSpan().SequenceEqual(_fingerprint)) throw Changed(missing.Length);
            _fingerprint = fingerprint;
            (float, float)[] values = PredictionBatches.Run(
                head.Weights, missing, (some, length) => Split(forward(head, some, length), some.Length), cancellation);
            for (int i = 0; i < missing.Length; i++) _values.Add(missing[i].Key, values[i]);
        });
    }

    /// <summary>Hands all values to a run's state.</summary>
    public void Export(Action<string, Tensor> write)
    {
        using var scope = NewDisposeScope();
        long[] keys = [.. _values.Keys.SelectMany(key => new[] { (long)(ulong)(key >> 64), (long)(ulong)key })];
        write(Keys, tensor(keys, [_values.Count, 2], ScalarType.Int64));
        write(Values, tensor(_values.Values.SelectMany(value => new[] { value.First, value.Second }).ToArray(), [_values.Count, 2], ScalarType.Float32));
        if (_fingerprint is not null) write(Weights, tensor(MemoryMarshal.Cast<byte, long>(_fingerprint).ToArray(), ScalarType.Int64));
    }

    /// <summary>
    /// Takes values over from a run's state: they count, whatever the model that the run goes on with would give. Rows that are not among them are those of a
    /// branch with other data; what was computed for these counts where it was computed with the weights that the run began with.
    /// </summary>
    public void Import(Func<string, Tensor?> read, Action<string> fault)
    {
        (Tensor? keys, Tensor? values, Tensor? weights) = (read(Keys), read(Values), read(Weights));
        if (keys is null || values is null || weights is null || keys.dim() != 2 || keys.dtype != ScalarType.Int64 || keys.shape[1] != 2
            || values.dtype != ScalarType.Float32 || !values.shape.SequenceEqual(keys.shape) || weights.dtype != ScalarType.Int64)
        {
            fault($"'{Keys}', '{Values}' or '{Weights}' is missing, or does not have two numbers for each row");
            return;
        }
        long[] parts = keys.data<long>().ToArray();
        float[] numbers = values.data<float>().ToArray();
        byte[] fingerprint = MemoryMarshal.AsBytes<long>(weights.data<long>().ToArray()).ToArray();
        var found = new Dictionary<UInt128, (float, float)>();
        for (int i = 0; i < parts.Length; i += 2) found[new UInt128((ulong)parts[i], (ulong)parts[i + 1])] = (numbers[i], numbers[i + 1]);
        int missing = _values.Keys.Count(key => !found.ContainsKey(key));
        if (missing > 0 && _fingerprint is { } own && !own.AsSpan().SequenceEqual(fingerprint))
        {
            fault($"{missing} rows have no log-probabilities under the reference in it, and the model is not the one that the run began with: "
                + "give the same data, or that model");
        }
        foreach ((UInt128 key, (float, float) value) in found) _values[key] = value;
        _fingerprint = fingerprint;
    }

    /// <summary>The hash of token ids and masks.</summary>
    public static UInt128 KeyOf(params ReadOnlySpan<CausalRow?> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (CausalRow? row in rows)
        {
            hash.AppendData(BitConverter.GetBytes(row?.Length ?? -1));
            if (row is null) continue;
            hash.AppendData(MemoryMarshal.AsBytes(row.TokenIds.AsSpan()));
            hash.AppendData(MemoryMarshal.AsBytes(row.Learned.AsSpan()));
        }
        return BitConverter.ToUInt128(hash.GetHashAndReset());
    }

    private static (float, float)[] Split(Tensor values, int rows)
    {
        float[] numbers = Outputs.Read(values.to(ScalarType.Float32));
        return [.. Enumerable.Range(0, rows).Select(row => (numbers[row], numbers[rows + row]))];
    }

    private static InvalidOperationException Changed(int rows) => new(
        $"{rows} rows have no log-probabilities under the reference, and the reference has been trained since it was first read: "
        + "evaluate them before training, or give them to ValidateOn; tune an adapter, whose base stays; "
        + "or give a reference of its own (With(loss, reference: other.Head)). "
        + "Where the tuned model is to be the reference from now on, take a new view of it (With)");
}
