namespace FineTuning.Models;

/// <summary>How attention learns where tokens stand to each other.</summary>
internal abstract record PositionPlan;

/// <summary>A learned number for each head and bucket of distances, added to the scores of all layers (Raffel et al. 2020, section 2.1).</summary>
/// <param name="Rows">Rows of the table in the checkpoint; at least <paramref name="Buckets"/>.</param>
/// <param name="Buckets">How many buckets distances fall into.</param>
/// <param name="Farthest">The distance from which on all fall into the last bucket.</param>
internal sealed record RelativeBiasPlan(int Rows, int Buckets, int Farthest) : PositionPlan;

/// <summary>Vectors of relative positions that queries and keys are multiplied with (He et al. 2021, equation 4).</summary>
/// <param name="Span">How many buckets lie on each side; the table has twice as many rows.</param>
/// <param name="Buckets">Buckets a side where far distances are binned by their logarithm; 0: every distance has its own.</param>
/// <param name="Farthest">The largest distance that is told apart.</param>
/// <param name="ContentToPosition">Whether queries meet the positions of keys.</param>
/// <param name="PositionToContent">Whether keys meet the positions of queries.</param>
/// <param name="SharesProjections">Whether positions go through the layers' own query and key projections.</param>
/// <param name="Normalized">Whether the table is normalized first.</param>
internal sealed record DisentangledPlan(
    int Span, int Buckets, int Farthest, bool ContentToPosition, bool PositionToContent, bool SharesProjections, bool Normalized) : PositionPlan;

/// <summary>Queries and keys turned by angles that grow with the position (Su et al. 2021), and attention that sees only neighbours in some layers.</summary>
/// <param name="Layers">What each layer does, from the lowest up.</param>
internal sealed record RotaryPlan(IReadOnlyList<RotaryLayer> Layers) : PositionPlan;

/// <summary>One layer's rotation and reach.</summary>
/// <param name="Base">The base of the angles' geometric series.</param>
/// <param name="Reach">How many tokens to either side are seen; null: all.</param>
internal sealed record RotaryLayer(double Base, int? Reach);
