using System.Globalization;

namespace FineTuning.Training;

/// <summary>What became of the layers that did not train, from a step of a run on.</summary>
/// <param name="Step">Optimizer steps that were done before.</param>
/// <param name="Layers">How many of the lowest layers did not train.</param>
/// <remarks>Immutable.</remarks>
public sealed record FrozenStateUse(long Step, int Layers)
{
    /// <summary>Why their states were computed again in each pass. Null: they were kept.</summary>
    public string? NotKept { get; init; }

    /// <summary>Kept rows: different texts, or different ones that a head puts together.</summary>
    public int Rows { get; init; }

    /// <summary>Bytes of states in memory.</summary>
    public long Memory { get; init; }

    /// <summary>Bytes of states in a file.</summary>
    public long Disk { get; init; }

    /// <summary>What computing them took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Batches that were computed as ever, since the states of one of their rows were not there.</summary>
    public long Missed { get; init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string from = $"from step {Step + 1} on the states of the {Layers} lowest layers, which do not train, are ";
        if (NotKept is not null) return $"{from}computed in every epoch: {NotKept}";
        return from + string.Create(CultureInfo.InvariantCulture,
            $"kept: {Rows:N0} rows, {Memory / 1048576.0:0.#} MB in memory, {Disk / 1048576.0:0.#} MB on disk, computed in {Duration.TotalSeconds:0.0} s")
            + (Missed > 0 ? $"; {Missed:N0} batches were computed all the same, since their rows are not those that were kept" : "");
    }
}
