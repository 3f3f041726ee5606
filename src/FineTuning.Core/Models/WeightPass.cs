namespace FineTuning.Models;

/// <summary>The right to read weights until it is disposed, on the thread that asked for it; see <see cref="WeightSet.Enter"/>.</summary>
/// <remarks>Dispose it on the same thread, in the reverse order of entering; never hold it across an <c>await</c>.</remarks>
public readonly ref struct WeightPass
{
    private readonly WeightGate? _gate;
    private readonly WeightGate? _outer;
    private readonly WeightSet? _reads;

    internal WeightPass(WeightGate gate, WeightGate? outer, WeightSet reads) => (_gate, _outer, _reads) = (gate, outer, reads);

    /// <summary>Gives the right back.</summary>
    public void Dispose() => _gate?.Leave(_outer, _reads!);
}
