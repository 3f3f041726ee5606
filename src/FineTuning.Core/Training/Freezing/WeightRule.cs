using System.IO.Enumeration;
using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>One rule of a filter: a plain value, compared and stored.</summary>
internal abstract record WeightRule
{
    /// <summary>Whether it means a weight.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="headDepth">The depth of what lies above the layers.</param>
    public abstract bool Matches(Weight weight, int headDepth);
}

internal sealed record EmbeddingsRule : WeightRule
{
    public override bool Matches(Weight weight, int headDepth) => weight.Depth == 0;

    public override string ToString() => "embeddings";
}

internal sealed record TrunkRule : WeightRule
{
    public override bool Matches(Weight weight, int headDepth) => weight.Depth < headDepth;

    public override string ToString() => "trunk";
}

/// <param name="Start">The first layer, from 0, or from the end.</param>
/// <param name="StartFromEnd">Whether it counts from the end.</param>
/// <param name="End">The layer after the last.</param>
/// <param name="EndFromEnd">Whether it counts from the end.</param>
internal sealed record LayersRule(int Start, bool StartFromEnd, int End, bool EndFromEnd) : WeightRule
{
    private Range Range => new(new Index(Start, StartFromEnd), new Index(End, EndFromEnd));

    public static LayersRule Of(Range range) => new(range.Start.Value, range.Start.IsFromEnd, range.End.Value, range.End.IsFromEnd);

    public override bool Matches(Weight weight, int headDepth)
    {
        int layers = headDepth - 1, layer = weight.Depth - 1;
        int start = Math.Clamp(Range.Start.GetOffset(layers), 0, layers), end = Math.Clamp(Range.End.GetOffset(layers), 0, layers);
        return layer >= start && layer < end;
    }

    public override string ToString() => $"layers {Range}";
}

/// <param name="Pattern">Of * and ?, matched against the whole name here and in the checkpoint.</param>
internal sealed record NameRule(string Pattern) : WeightRule
{
    public override bool Matches(Weight weight, int headDepth) => Matches(weight.Name) || weight.Parts.Any(part => Matches(part.CheckpointName));

    public override string ToString() => $"names '{Pattern}'";

    private bool Matches(string name) => FileSystemName.MatchesSimpleExpression(Pattern, name, ignoreCase: false);
}

/// <param name="Kind">The kind.</param>
internal sealed record KindRule(WeightKind Kind) : WeightRule
{
    public override bool Matches(Weight weight, int headDepth) => weight.Kind == Kind;

    public override string ToString() => $"kind {Kind}";
}
