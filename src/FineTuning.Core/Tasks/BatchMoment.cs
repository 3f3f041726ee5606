namespace FineTuning.Tasks;

/// <summary>
/// When a batch is collated. What a model draws for a row is a pure function of this and of the row, so that a run can be repeated and resumed.
/// </summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Epoch">The epoch, from 0; negative outside a run.</param>
public readonly record struct BatchMoment(long Seed, long Epoch);
