using FineTuning.Adapters;
using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One of several tasks: its name, its model, its data.</summary>
/// <param name="Name">Names it in messages and metrics.</param>
/// <param name="Model">A head on the shared trunk.</param>
/// <param name="Weight">What its loss is multiplied by.</param>
/// <param name="ScoreWeight">What its metric is multiplied by in the weighted mean.</param>
internal abstract record TaskEntry(string Name, TunableModel Model, double Weight, double ScoreWeight)
{
    /// <summary>What is tuned instead of the trunk. Null: what the tuner says for all tasks.</summary>
    public Adapter? Adapter { get; init; }

    /// <summary>Makes a model like its own on another trunk. Null: nobody has said how.</summary>
    public virtual Func<Trunk, TunableModel>? OwnModel => null;

    /// <summary>Whether there is validation data.</summary>
    public abstract bool HasValidation { get; }

    /// <summary>The user's model, where another stands in its place.</summary>
    public virtual TunableModel Own => Model;

    /// <summary>Encodes the training data.</summary>
    public abstract RowSet Train(RunData read);

    /// <summary>The task with its model as a recipe shows it its data.</summary>
    public virtual TaskEntry As(TrainingOptions recipe) => this;

    /// <summary>Encodes the validation data. Null: there is none.</summary>
    public abstract RowSet? Validate(RunData read);
}

/// <inheritdoc cref="TaskEntry"/>
/// <param name="Name">Names it in messages and metrics.</param>
/// <param name="Typed">A head on the shared trunk.</param>
/// <param name="Data">Training data.</param>
/// <param name="Validation">Validation data. Null: there is none.</param>
/// <param name="Weight">What its loss is multiplied by.</param>
/// <param name="ScoreWeight">What its metric is multiplied by in the weighted mean.</param>
internal sealed record TaskEntry<TExample>(
    string Name, TunableModel<TExample> Typed, IEnumerable<TExample> Data, IEnumerable<TExample>? Validation, double Weight, double ScoreWeight)
    : TaskEntry(Name, Typed, Weight, ScoreWeight)
{
    public override bool HasValidation => Validation is not null;

    public override TaskEntry As(TrainingOptions recipe) => AugmentedModel<TExample>.Of(Typed, recipe) is var shown && shown == Typed ? this
        : new TaskEntry<TExample>(Name, shown, Data, Validation, Weight, ScoreWeight) { Measured = Typed, Adapter = Adapter, MakesOwn = MakesOwn };

    public override TunableModel Own => Measured ?? Typed;

    public override Func<Trunk, TunableModel>? OwnModel => MakesOwn;

    /// <inheritdoc cref="OwnModel"/>
    public Func<Trunk, TunableModel<TExample>>? MakesOwn { get; init; }

    /// <summary>What validation data is encoded by. Null: by the model itself.</summary>
    public TunableModel<TExample>? Measured { get; init; }

    public override RowSet Train(RunData read) => read.Train(Typed, Data, $"training data of the task '{Name}'");

    public override RowSet? Validate(RunData read) => read.Validate(Measured ?? Typed, Validation, $"validation data of the task '{Name}'");
}
