namespace FineTuning.Tasks;

/// <summary>
/// When a batch is collated. What a model draws for a row is a pure function of this and of the row, so that a run can be repeated and resumed.
/// </summary>
/// <param name="seed">The run's seed.</param>
/// <param name="epoch">The epoch, from 0; negative outside a run.</param>
public readonly struct BatchMoment(long seed, long epoch)
{
    /// <summary>The run's seed.</summary>
    public long Seed { get; } = seed;

    /// <summary>The epoch, from 0; negative outside a run.</summary>
    public long Epoch { get; } = epoch;
}
