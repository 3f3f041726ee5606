using System.Globalization;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>One thing that a search varies.</summary>
internal abstract record SearchDimension(string Name)
{
    /// <summary>How many values there are. Null: numbers of an interval.</summary>
    public abstract int? Count { get; }

    /// <summary>Its values, as the journal names them.</summary>
    public abstract string Values { get; }

    /// <summary>The recipe with a value, and the value as text.</summary>
    /// <param name="options">The recipe.</param>
    /// <param name="share">Where in the values or the interval, from 0 to below 1.</param>
    public abstract (TrainingOptions Options, string Text) Apply(TrainingOptions options, double share);

    /// <summary>What is wrong with it. Null: nothing.</summary>
    public abstract string? Problem();

    /// <summary>A value as text, the same in every culture.</summary>
    protected static string Shown(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "null";

    /// <summary>The recipe that a user's function gives.</summary>
    protected TrainingOptions Changed(TrainingOptions? options) => options
        ?? throw new InvalidOperationException($"the search's '{Name}' gave no recipe (null); give options, for example the ones it got");
}

internal sealed record ListedValues<TValue>(string Name, IReadOnlyList<TValue> Choices, Func<TrainingOptions, TValue, TrainingOptions> Change)
    : SearchDimension(Name)
{
    public override int? Count => Choices.Count;

    public override string Values => string.Join(" | ", Choices.Select(value => Shown(value)));

    public override (TrainingOptions Options, string Text) Apply(TrainingOptions options, double share)
    {
        TValue value = Choices[Math.Min(Choices.Count - 1, (int)(share * Choices.Count))];
        return (Changed(Change(options, value)), Shown(value));
    }

    public override string? Problem() => Choices.Count == 0 ? $"'{Name}' has no values: give at least one"
        : Choices.GroupBy(value => Shown(value)).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? $"'{Name}' has the value {twice.Key} more than once" : null;
}

internal sealed record DrawnNumbers(string Name, SearchInterval Interval, Func<TrainingOptions, double, TrainingOptions> Change) : SearchDimension(Name)
{
    public override int? Count => null;

    public override string Values => Interval.ToString();

    public override (TrainingOptions Options, string Text) Apply(TrainingOptions options, double share)
    {
        double value = Interval.At(share);
        return (Changed(Change(options, value)), value.ToString("R", CultureInfo.InvariantCulture));
    }

    public override string? Problem() => Interval.Problem() is { } problem ? $"'{Name}': {problem}" : null;
}
