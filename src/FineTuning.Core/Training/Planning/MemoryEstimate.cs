using System.Globalization;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>How much memory a run would take at its highest, and what for; of the whole process, in bytes.</summary>
/// <remarks>
/// Measured on the largest batches, or on a few of their rows where the whole may not fit: memory grows evenly with the rows. Immutable and thread-safe.
/// </remarks>
public sealed class MemoryEstimate
{
    internal MemoryEstimate(BatchMemory plain, BatchMemory recomputed) => (Plain, Recomputed) = (plain, recomputed);

    /// <summary>What the process held when it was estimated, the model's weights and the data among it.</summary>
    public long Present { get; internal init; }

    /// <summary>The gradients of the weights that train.</summary>
    public long Gradients { get; internal init; }

    /// <summary>What the optimizer keeps.</summary>
    public long OptimizerState { get; internal init; }

    /// <summary>
    /// The snapshot of the best weights and what features of the recipe keep: copies of the weights that train; and the copy of the state that a checkpoint is
    /// written from (weights, moments, best weights), beside the run.
    /// </summary>
    public long Copies { get; internal init; }

    /// <summary>The largest micro-batch, its gradients among it.</summary>
    public long Training { get; internal init; }

    /// <summary>The largest batch of the validation data; 0 where there is none.</summary>
    public long Evaluation { get; internal init; }

    /// <summary>Hidden states of layers that do not train, where the run keeps them in memory.</summary>
    public long FrozenStates { get; internal init; }

    /// <summary>Those that it keeps in a file; they take no memory.</summary>
    public long FrozenStatesOnDisk { get; internal init; }

    /// <summary>Rows of the largest micro-batch.</summary>
    public int Rows { get; internal init; }

    /// <summary>Tokens a row of it, padding included.</summary>
    public int Tokens { get; internal init; }

    /// <summary>The smallest limit of container and machine when it was estimated.</summary>
    public long Limit { get; internal init; } = MemoryLimit.Current();

    /// <summary>The most that the process would hold.</summary>
    public long Peak => Fixed + Math.Max(Training, Evaluation);

    /// <summary>What is held whatever a micro-batch takes.</summary>
    internal long Fixed => Present + OptimizerState + Copies + FrozenStates;

    /// <summary>Micro-batches of the recipe.</summary>
    internal BatchMemory Plain { get; }

    /// <summary>Those with gradient checkpointing of all layers.</summary>
    internal BatchMemory Recomputed { get; }

    /// <summary>Whether the run would stay within a budget.</summary>
    /// <param name="bytes">Of the whole process, for example <c>8L &lt;&lt; 30</c> for 8 GB.</param>
    public bool Fits(long bytes) => Peak <= bytes;

    /// <summary>The most rows of a micro-batch with which the run would stay within a budget; 0: not even one fits.</summary>
    /// <param name="bytes">Of the whole process.</param>
    /// <param name="gradientCheckpointing">Whether all layers are computed again in the backward pass. Default: as the recipe says.</param>
    public int LargestBatch(long bytes, bool gradientCheckpointing = false)
    {
        if (Fixed + Evaluation > bytes) return 0;
        BatchMemory batches = gradientCheckpointing ? Recomputed : Plain;
        int fits = 0;
        // Memory rises with the rows: the last that fits is found by halves.
        for (int low = 1, high = 1 << 20; low <= high;)
        {
            int middle = low + ((high - low) / 2);
            if (Fixed + batches.Of(middle) <= bytes) (fits, low) = (middle, middle + 1);
            else high = middle - 1;
        }
        return fits;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Peak / 1048576.0:0} MB at its highest: {Present / 1048576.0:0} MB now, optimizer {OptimizerState / 1048576.0:0} MB, "
        + $"copies {Copies / 1048576.0:0} MB, "
        + $"micro-batches of up to {Rows} x {Tokens} tokens {Training / 1048576.0:0} MB (gradients {Gradients / 1048576.0:0} MB), "
        + $"evaluation {Evaluation / 1048576.0:0} MB, "
        + $"states of frozen layers {FrozenStates / 1048576.0:0} MB and {FrozenStatesOnDisk / 1048576.0:0} MB on disk; the limit is {Limit / 1048576.0:0} MB");
}

/// <summary>The memory of a pass by its rows: the greater of two straight lines.</summary>
/// <param name="Kept">What is kept when the backward pass begins.</param>
/// <param name="Highest">The highest of the whole pass, as far as the rows that were computed showed it.</param>
internal sealed record BatchMemory(MemoryLine Kept, MemoryLine Highest)
{
    /// <param name="rows">1 or more.</param>
    public long Of(int rows) => Math.Max(Kept.Of(rows), Highest.Of(rows));
}

/// <summary>A straight line.</summary>
/// <param name="Base">Of no rows.</param>
/// <param name="EachRow">Of each row; 0 or more.</param>
internal readonly record struct MemoryLine(double Base, double EachRow)
{
    /// <param name="rows">1 or more.</param>
    public long Of(int rows) => (long)(Base + (EachRow * rows));

    /// <summary>The line through two measurements; through 0 and one where there is one.</summary>
    public static MemoryLine Through(int fewRows, long few, int moreRows, long more)
    {
        if (fewRows == moreRows) return new(0, more / (double)moreRows);
        double each = Math.Max(0, (more - few) / (double)(moreRows - fewRows));
        return new(more - (each * moreRows), each);
    }
}
