using FineTuning.Training;

namespace FineTuning;

/// <summary>The verb of data that does not fit into memory.</summary>
public static class RowKeepingVerbs
{
    /// <summary>
    /// Encodes the training data into a file instead of into memory, and trains from there: to the bit what a run in memory learns, in 7 bytes of memory a row
    /// (11 with a token budget). A later run on the same data, with the same tokenizer and options, reads the file and does not encode. Where anything
    /// of that is another, it is encoded anew.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="folder">
    /// Made where it is absent; it may be shared by runs and processes. The rows hold what the texts say. Null: <c>rows</c> in the folder of
    /// <see cref="CheckpointVerbs.CheckpointTo"/>.
    /// </param>
    /// <remarks>
    /// Validation data stays in memory. All examples are read in every run, to see that they are the same; where they are not, the data is read twice. Texts
    /// that are packed by best fit (<see cref="Batching.PackingStrategy.Whole"/>, <see cref="Batching.PackingStrategy.Split"/>) lie in a second file until all
    /// are there, and take 30 bytes of memory each while rows are planned. Refused before data is read: rows that are augmented, of several tasks or domains,
    /// of preferences, and of a model of your own.
    /// </remarks>
    /// <exception cref="Errors.InvalidOptionsException">At the run: the model's rows cannot be kept.</exception>
    public static FineTuner<TExample> KeepRowsOnDisk<TExample>(this FineTuner<TExample> tuner, string? folder = null)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        if (folder is not null) ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return tuner.With(new RowKeeping(folder));
    }
}
