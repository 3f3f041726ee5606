namespace FineTuning.Models;

/// <summary>A learned number for each head and bucket of distances, added to the scores of all layers of a stack (Raffel et al. 2020, section 2.1).</summary>
/// <param name="Rows">Rows of the table in the checkpoint; at least <paramref name="Buckets"/>.</param>
/// <param name="Buckets">How many buckets distances fall into.</param>
/// <param name="Farthest">The distance from which on all fall into the last bucket.</param>
/// <param name="BothSides">Whether keys after the query have buckets of their own.</param>
internal sealed record RelativeBiasPlan(int Rows, int Buckets, int Farthest, bool BothSides = true);

/// <summary>Vectors of relative positions that queries and keys are multiplied with (He et al. 2021, equation 4).</summary>
/// <param name="Span">How many buckets lie on each side; the table has twice as many rows.</param>
/// <param name="Buckets">Buckets a side where far distances are binned by their logarithm; 0: every distance has its own.</param>
/// <param name="Farthest">The largest distance that is told apart.</param>
/// <param name="ContentToPosition">Whether queries meet the positions of keys.</param>
/// <param name="PositionToContent">Whether keys meet the positions of queries.</param>
/// <param name="SharesProjections">Whether positions go through the layers' own query and key projections.</param>
/// <param name="Norm">Normalizes the table first. Null: nothing does.</param>
/// <param name="Dropout">Of the vectors, in each layer.</param>
internal sealed record DisentangledPlan(
    int Span, int Buckets, int Farthest, bool ContentToPosition, bool PositionToContent, bool SharesProjections, NormPlan? Norm = null, double Dropout = 0);

/// <summary>Queries and keys turned by angles that grow with the position (Su et al. 2021).</summary>
/// <param name="Base">The base of the angles' geometric series.</param>
/// <param name="Width">How many channels of a head are turned; even. The rest stay.</param>
internal sealed record RotaryPlan(double Base, int Width)
{
    /// <summary>Whether channel 2i turns with channel 2i + 1. False: channel i with channel i + width / 2.</summary>
    public bool Interleaved { get; init; }

    /// <summary>How the angles are changed for texts longer than those of pretraining. Null: they are not.</summary>
    public RotaryScaling? Scaling { get; init; }
}

/// <summary>Which neighbours a token sees.</summary>
/// <param name="Before">How many tokens before it.</param>
/// <param name="After">How many tokens after it.</param>
internal sealed record AttentionWindow(int Before, int After);
