using FineTuning.Batching;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>What a run is not to forget: a model on the same weights, data to measure it on, and data to protect it with.</summary>
/// <param name="Name">Names it in messages and in the result.</param>
/// <param name="Model">The model that is trained, or another head on its trunk.</param>
internal abstract record KeptTask(string Name, TunableModel Model)
{
    /// <summary>Whether there is data to protect it with.</summary>
    public abstract bool HasLearned { get; }

    /// <summary>Encodes what it is measured on.</summary>
    public abstract RowSet Measured(RunData read);

    /// <summary>Encodes what it has learned from. Null: there is none.</summary>
    public abstract RowSet? Learned(RunData read);
}

/// <inheritdoc cref="KeptTask"/>
/// <param name="Name">Names it in messages and in the result.</param>
/// <param name="Typed">The model.</param>
/// <param name="Examples">What it is measured on.</param>
/// <param name="LearnedFrom">What it has learned from. Null: there is none.</param>
internal sealed record KeptTask<TExample>(string Name, TunableModel<TExample> Typed, IEnumerable<TExample> Examples, IEnumerable<TExample>? LearnedFrom)
    : KeptTask(Name, Typed)
{
    public override bool HasLearned => LearnedFrom is not null;

    public override RowSet Measured(RunData read) => read.Validate(Typed, Examples, $"data that '{Name}' is measured on")
        ?? throw new Errors.TrainingDataException($"the time limit was over before the data that '{Name}' is measured on was read; lengthen TimeLimit");

    public override RowSet? Learned(RunData read) =>
        LearnedFrom is null ? null : read.Train(Typed, LearnedFrom, $"data that '{Name}' has learned from");
}
