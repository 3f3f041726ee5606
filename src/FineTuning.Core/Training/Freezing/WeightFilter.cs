using System.Text.Json.Serialization;
using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>Which weights are meant: by embeddings, layers or names. Each verb returns another filter that means more.</summary>
/// <remarks>Immutable and thread-safe; a value: filters of the same rules in the same order are equal.</remarks>
public sealed class WeightFilter : IEquatable<WeightFilter>
{
    internal WeightFilter()
        : this([])
    {
    }

    [JsonConstructor]
    internal WeightFilter(IReadOnlyList<WeightRule> rules) => Rules = ValueList<WeightRule>.Of(rules);

    [JsonInclude]
    internal IReadOnlyList<WeightRule> Rules { get; }

    /// <summary>The embeddings and the norm over them.</summary>
    public WeightFilter Embeddings() => With(new EmbeddingsRule());

    /// <summary>Layers from the lowest up, for example <c>..4</c> for the lowest four or <c>^2..</c> for the two below the head.</summary>
    /// <param name="range">From 0.</param>
    public WeightFilter Layers(Range range) => With(LayersRule.Of(range));

    /// <summary>One layer, counted from the lowest.</summary>
    /// <param name="index">From 0; <c>^1</c> is the highest.</param>
    public WeightFilter Layer(Index index) => Layers(new Range(index, index.IsFromEnd ? new Index(index.Value - 1, true) : new Index(index.Value + 1)));

    /// <summary>Everything below the head: embeddings and layers.</summary>
    public WeightFilter Trunk() => With(new TrunkRule());

    /// <summary>Weights whose name, here or in the checkpoint, matches a pattern of * and ?, for example <c>*.attention.*</c>.</summary>
    /// <param name="pattern">Matched against the whole name; upper and lower case differ.</param>
    public WeightFilter Named(string pattern)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        return With(new NameRule(pattern));
    }

    /// <summary>Weights of a kind, for example all biases.</summary>
    /// <param name="kind">The kind.</param>
    public WeightFilter Kind(WeightKind kind) => With(new KindRule(kind));

    /// <inheritdoc/>
    public bool Equals(WeightFilter? other) => other is not null && Rules.Equals(other.Rules);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as WeightFilter);

    /// <inheritdoc/>
    public override int GetHashCode() => Rules.GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => Rules.Count == 0 ? "nothing" : string.Join(", ", Rules);

    internal bool Matches(Weight weight, int headDepth) => Rules.Any(rule => rule.Matches(weight, headDepth));

    /// <summary>Rules that mean no weight of the model: a mistake of the user.</summary>
    internal IEnumerable<string> Idle(WeightSet weights) =>
        Rules.Where(rule => !weights.Any(weight => rule.Matches(weight, weights.HeadDepth))).Select(rule => rule.ToString());

    private WeightFilter With(WeightRule rule) => new([.. Rules, rule]);
}
