using FineTuning.Tensors;

namespace FineTuning.Batching;

/// <summary>
/// Where the address space is limited, sees before each pass that it has room for it. A tensor that finds no memory is an exception, but what native libraries
/// allocate for themselves (oneDNN's primitives, for example) ends the process where it finds none: a pass never begins that could come so far.
/// </summary>
/// <param name="left">The bytes that may still be mapped.</param>
/// <param name="rise">By how many bytes memory rises while something runs.</param>
internal sealed class AddressRoom(Func<long> left, Func<Action, long> rise)
{
    // A measurement stands for batches of other shapes.
    private const double Margin = 1.15;

    // A row alone may be so many times as long as the last: squares, which it may take, grow by 2.25.
    private const double Step = 1.5;

    private readonly List<(long Tokens, long Squares, long Bytes)> _known = [];

    /// <summary>Of this process. Null: its address space has no limit.</summary>
    public static AddressRoom? OfProcess()
    {
        if (AddressSpace.Left() is null) return null;
        AddressSpace.Prepare();
        return new AddressRoom(() => AddressSpace.Left() ?? long.MaxValue, ProcessMemory.Rise);
    }

    /// <summary>One that knows nothing yet, of the same address space.</summary>
    public AddressRoom Fresh() => new(left, rise);

    /// <summary>Whether there is room for a pass, as far as is known.</summary>
    public bool Fits(PlannedBatch part) => left() - AddressSpace.Reserve >= Forecast(part);

    /// <summary>How many times as large a batch is as the nearest that was measured: 1 where one at least as large was, infinite where none was.</summary>
    public double Growth(PlannedBatch part) => _known.Count == 0 ? double.PositiveInfinity : _known.Min(known => Factor(part, known));

    /// <summary>Forgets what passes took: the next are of another kind.</summary>
    public void Forget() => _known.Clear();

    /// <summary>
    /// What is measured one after the other, up to a batch: rows alone, from the shortest on, then rows together; each of twice the tokens of the last at most,
    /// where rows allow it.
    /// </summary>
    /// <param name="lengths">Of all rows.</param>
    /// <param name="largest">A batch, which is the last.</param>
    public static IEnumerable<PlannedBatch> Ladder(IReadOnlyList<int> lengths, PlannedBatch largest)
    {
        int[] byLength = [.. Enumerable.Range(0, lengths.Count).OrderBy(row => lengths[row])];
        for (int row = 0; row < byLength.Length;)
        {
            int length = lengths[byLength[row]];
            yield return new([byLength[row]], length);
            int next = row + 1;
            while (next + 1 < byLength.Length && lengths[byLength[next + 1]] <= Step * length) next++;
            row = next;
        }
        for (int rows = 1; rows < largest.Rows.Length; rows *= 2) yield return largest with { Rows = largest.Rows[..rows] };
        yield return largest;
    }

    /// <summary>Measures what a pass takes, where there is room for it.</summary>
    /// <param name="part">The batch.</param>
    /// <param name="pass">Leaves nothing behind.</param>
    /// <exception cref="InsufficientMemoryException">There is no room for it.</exception>
    public void Learn(PlannedBatch part, Action pass)
    {
        Require(part);
        Measure(part, pass);
    }

    /// <summary>Measures what a pass takes.</summary>
    public void Measure(PlannedBatch part, Action pass)
    {
        // Code and kernels are there before anything is measured.
        if (_known.Count == 0) pass();
        _known.Add((Tokens(part), Tokens(part) * part.PaddedLength, rise(pass)));
    }

    /// <summary>Sees that there is room for a pass.</summary>
    /// <param name="part">The batch.</param>
    /// <param name="there">Bytes of what a pass leaves behind, which are there already.</param>
    /// <param name="times">How many such passes are kept at once.</param>
    /// <exception cref="InsufficientMemoryException">There is none.</exception>
    public void Require(PlannedBatch part, long there = 0, int times = 1) => Require(Math.Max(0, (times * Forecast(part)) - there), Name(part));

    /// <summary>Sees that there may be room for a pass that cannot be cut.</summary>
    /// <exception cref="InsufficientMemoryException">There is surely none.</exception>
    public void RequireLeast(PlannedBatch part)
    {
        if (_known.Count == 0)
        {
            Require(0, Name(part));
            return;
        }
        // It grows at least as its tokens do.
        (double ratio, long bytes) = _known.Select(known => (Ratio: Tokens(part) / (double)known.Tokens, known.Bytes))
            .MinBy(known => Math.Abs(Math.Log(known.Ratio)));
        Require((long)(ratio * bytes), Name(part));
    }

    /// <summary>Sees that there is room for so many bytes.</summary>
    /// <param name="bytes">Beside what native code needs.</param>
    /// <param name="what">Needs them.</param>
    /// <exception cref="InsufficientMemoryException">There is none.</exception>
    public void Require(long bytes, string what)
    {
        long free = left(), reserve = AddressSpace.Reserve;
        if (free - reserve >= bytes) return;
        throw new InsufficientMemoryException(
            $"{what} takes {bytes >> 20} MB beside {reserve >> 20} MB for native code, and the address space has {free >> 20} MB left");
    }

    /// <summary>What a pass takes, by the nearest that was measured; 0 where nothing was.</summary>
    public long Forecast(PlannedBatch part)
    {
        if (_known.Count == 0) return 0;
        (double factor, long bytes) = _known.Select(known => (Factor: Factor(part, known), known.Bytes)).MinBy(known => (known.Factor, known.Bytes));
        return (long)(Margin * factor * bytes);
    }

    // Memory grows with the tokens, and with their squares in each row; what a pass takes whatever it computes is counted as if it grew, too.
    private static double Factor(PlannedBatch part, (long Tokens, long Squares, long Bytes) known) =>
        Math.Max(1, Math.Max(Tokens(part) / (double)known.Tokens, Tokens(part) * part.PaddedLength / (double)known.Squares));

    private static string Name(PlannedBatch part) => $"a pass over {part.Rows.Length} x {part.PaddedLength} tokens";

    private static long Tokens(PlannedBatch part) => (long)part.Rows.Length * part.PaddedLength;
}
