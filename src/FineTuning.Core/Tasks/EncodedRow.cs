namespace FineTuning.Tasks;

/// <summary>An example as the model sees it: encoded once a run, collated into batches in every epoch.</summary>
/// <remarks>Heads derive their own rows with the ids and targets they need. A row does not change once a run has begun.</remarks>
/// <param name="length">How many tokens it has, special tokens included: what batches are grouped by.</param>
public abstract class EncodedRow(int length)
{
    /// <summary>How many tokens it has, special tokens included.</summary>
    public int Length { get; } = length;

    /// <summary>
    /// The index of the example in the data, from 0: how messages name it. It is set once the example is encoded; a model that makes other rows in
    /// <see cref="TunableModel.PrepareRows"/> gives each the index of the example that it begins with.
    /// </summary>
    public int Index { get; set; }

    /// <summary>The row of the run's data that it stands for in an epoch; by default itself.</summary>
    internal EncodedRow Origin { get => field ?? this; set; }

    /// <summary>Rows of one kind reach the same weights; a run rehearses a batch of each.</summary>
    internal virtual int Kind => 0;

    /// <summary>How messages name it.</summary>
    internal virtual string Name => Index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>
    /// What the loss of the row is divided by: 1 for a labelled text, the number of labelled tokens for a tagger, 0 where nothing is to be learned.
    /// </summary>
    public virtual double TargetCount => 1;

    /// <summary>Writes all that it holds but for its index; the model's <see cref="RowFormat"/> reads it back.</summary>
    internal virtual void Write(RowWriter writer) => throw new NotSupportedException($"a {GetType().Name} cannot be written to a file");
}
