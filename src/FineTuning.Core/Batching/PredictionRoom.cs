using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using FineTuning.Models;
using FineTuning.Tensors;

namespace FineTuning.Batching;

/// <summary>
/// Where the address space is limited, sees before each pass of a prediction that there is room for it. What passes take is measured while they answer: from a
/// single row on, each of twice the last at most, and is kept as long as the weights.
/// </summary>
/// <param name="room">What is asked.</param>
internal sealed class PredictionRoom(AddressRoom room)
{
    private const double LargestStep = 2;

    private static readonly Lazy<AddressRoom?> OfProcessAtFirst = new(AddressRoom.OfProcess);
    private static readonly ConditionalWeakTable<WeightSet, ConcurrentDictionary<MethodInfo, PredictionRoom>> Known = [];

    // What is left must not be promised twice: under a limit passes take turns.
    private static readonly Lock Turn = new();

    /// <summary>Of this process. Null: its address space had no limit when this was first asked.</summary>
    /// <param name="weights">Whose passes they are.</param>
    /// <param name="forward">Which passes: each kind takes another amount.</param>
    public static PredictionRoom? OfProcess(WeightSet weights, MethodInfo forward) =>
        OfProcessAtFirst.Value is { } room ? Known.GetValue(weights, _ => []).GetOrAdd(forward, _ => new(room.Fresh())) : null;

    /// <summary>Computes as many of some rows as there is room for, from the first on.</summary>
    /// <param name="lengths">Of the rows, ascending.</param>
    /// <param name="pass">Computes so many, padded to a number of tokens; it leaves nothing but its answers, and may be run twice.</param>
    /// <returns>One answer for each row that was computed.</returns>
    /// <exception cref="InsufficientMemoryException">There is not even room for the first.</exception>
    public IReadOnlyList<TResult> Compute<TResult>(IReadOnlyList<int> lengths, Func<int, int, IReadOnlyList<TResult>> pass)
    {
        lock (Turn)
        {
            for (int count = lengths.Count; ; count /= 2)
            {
                var part = new PlannedBatch(new int[count], lengths[count - 1]);
                if (count > 1 && (room.Growth(part) > LargestStep || !room.Fits(part))) continue;
                try
                {
                    return Compute(part, () => pass(count, part.PaddedLength));
                }
                catch (Exception failure) when (MemoryFailure.Is(failure))
                {
                    // A tensor that finds no memory leaves the pass without harm: half of the rows may find some.
                    if (count == 1) throw Refusal(part, failure);
                }
            }
        }
    }

    private IReadOnlyList<TResult> Compute<TResult>(PlannedBatch part, Func<IReadOnlyList<TResult>> pass)
    {
        // More rows than one were seen to fit.
        if (part.Rows.Length == 1) room.RequireLeast(part);
        if (room.Growth(part) <= 1) return pass();
        IReadOnlyList<TResult> answers = [];
        room.Measure(part, () => answers = pass());
        return answers;
    }

    private static InsufficientMemoryException Refusal(PlannedBatch part, Exception failure) => new(
        $"one row of {part.PaddedLength} tokens cannot be computed: {failure.Message}; raise the limit of the address space (ulimit -v), or cut texts shorter",
        failure);
}
