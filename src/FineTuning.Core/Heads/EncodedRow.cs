namespace FineTuning.Heads;

/// <summary>An example as the model sees it: encoded once a run, collated into batches in every epoch.</summary>
/// <remarks>Immutable. Heads derive their own rows with the ids and targets they need.</remarks>
/// <param name="length">How many tokens it has, special tokens included: what batches are grouped by.</param>
public abstract class EncodedRow(int length)
{
    /// <summary>How many tokens it has, special tokens included.</summary>
    public int Length { get; } = length;

    /// <summary>The place of the example in the data, from 0; used in messages.</summary>
    public int Index { get; internal set; }

    /// <summary>What the loss of the row is divided by: 1 for a labelled text, the number of labelled tokens for a tagger, 0 where nothing is to be learned.</summary>
    public virtual double TargetCount => 1;
}
