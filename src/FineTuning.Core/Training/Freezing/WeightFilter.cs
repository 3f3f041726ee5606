using System.IO.Enumeration;
using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>Which weights are meant: by embeddings, layers or names. Each verb returns another filter that means more.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class WeightFilter
{
    private readonly IReadOnlyList<Rule> _rules;

    internal WeightFilter()
        : this([])
    {
    }

    private WeightFilter(IReadOnlyList<Rule> rules) => _rules = rules;

    internal bool IsEmpty => _rules.Count == 0;

    /// <summary>The embeddings and the norm over them.</summary>
    public WeightFilter Embeddings() => With(new("embeddings", (weight, _) => weight.Depth == 0));

    /// <summary>Layers by their places from the lowest, for example <c>..4</c> for the lowest four or <c>^2..</c> for the two below the head.</summary>
    /// <param name="range">Places from 0.</param>
    public WeightFilter Layers(Range range) => With(new($"layers {range}", (weight, headDepth) =>
    {
        int layers = headDepth - 1;
        int start = Math.Clamp(range.Start.GetOffset(layers), 0, layers), end = Math.Clamp(range.End.GetOffset(layers), 0, layers);
        return weight.Depth >= 1 && weight.Depth < headDepth && weight.Depth - 1 >= start && weight.Depth - 1 < end;
    }));

    /// <summary>One layer by its place from the lowest.</summary>
    /// <param name="place">From 0; <c>^1</c> is the highest.</param>
    public WeightFilter Layer(Index place) => Layers(place.IsFromEnd && place.Value == 1 ? new Range(place, ^0) : new Range(place, new Index(place.Value + (place.IsFromEnd ? -1 : 1), place.IsFromEnd)));

    /// <summary>Everything below the head: embeddings and layers.</summary>
    public WeightFilter Trunk() => With(new("trunk", (weight, headDepth) => weight.Depth < headDepth));

    /// <summary>Weights whose name, here or in the checkpoint, matches a pattern of * and ?, for example <c>*.attention.*</c>.</summary>
    /// <param name="pattern">Matched against the whole name; upper and lower case differ.</param>
    public WeightFilter Named(string pattern)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        return With(new($"names '{pattern}'", (weight, _) =>
            FileSystemName.MatchesSimpleExpression(pattern, weight.Name, ignoreCase: false)
            || weight.Parts.Any(part => FileSystemName.MatchesSimpleExpression(pattern, part.CheckpointName, ignoreCase: false))));
    }

    /// <summary>Weights of a kind, for example all biases.</summary>
    /// <param name="kind">The kind.</param>
    public WeightFilter Kind(WeightKind kind) => With(new($"kind {kind}", (weight, _) => weight.Kind == kind));

    internal bool Matches(Weight weight, int headDepth) => _rules.Any(rule => rule.Matches(weight, headDepth));

    /// <summary>Rules that mean no weight of the model: a mistake of the user.</summary>
    internal IEnumerable<string> Idle(WeightSet weights) =>
        _rules.Where(rule => !weights.Any(weight => rule.Matches(weight, weights.HeadDepth))).Select(rule => rule.Name);

    private WeightFilter With(Rule rule) => new([.. _rules, rule]);

    /// <inheritdoc/>
    public override string ToString() => _rules.Count == 0 ? "nothing" : string.Join(", ", _rules.Select(rule => rule.Name));

    private sealed record Rule(string Name, Func<Weight, int, bool> Matches);
}
