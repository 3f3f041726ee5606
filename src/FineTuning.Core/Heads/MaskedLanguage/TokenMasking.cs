using FineTuning.Tasks;
using FineTuning.Tensors;

namespace FineTuning.Heads;

/// <summary>
/// What is hidden from the model (Devlin et al. 2019, section 3.1): a share of the words or tokens is predicted, of which most are shown as the mask token,
/// some as a random one, some as they are. Every draw is a pure function of seed, epoch, row and position.
/// </summary>
/// <param name="options">The shares.</param>
/// <param name="maskId">The mask token.</param>
/// <param name="ordinary">The tokens that a random one is drawn from.</param>
internal sealed class TokenMasking(MaskedLanguageOptions options, int maskId, int[] ordinary)
{
    // One stream a purpose, so that no draw tells of another.
    private enum Draw : ulong
    {
        Unit = 1,
        Shown = 2,
        Replacement = 3,
    }

    /// <summary>The row as the model sees it.</summary>
    /// <param name="row">The row.</param>
    /// <param name="moment">When.</param>
    /// <param name="predicted">The positions that are predicted, rising; at least one where any token may be masked.</param>
    public int[] Apply(MaskableRow row, BatchMoment moment, out List<int> predicted)
    {
        ulong key = Key(row, moment);
        predicted = Choose(row, key);
        int[] shown = [.. row.TokenIds];
        foreach (int position in predicted)
        {
            double share = Uniform(key, Draw.Shown, position);
            if (share < options.MaskedShare) shown[position] = maskId;
            else if (share < options.MaskedShare + options.RandomShare)
                shown[position] = ordinary[(int)(Uniform(key, Draw.Replacement, position) * ordinary.Length)];
        }
        return shown;
    }

    private List<int> Choose(MaskableRow row, ulong key)
    {
        var chosen = new List<int>();
        (int unit, double lowest) = (-1, double.PositiveInfinity);
        for (int i = 0; i < row.Units.Length; i++)
        {
            if (row.Units[i] < 0) continue;
            double draw = Uniform(key, Draw.Unit, row.Units[i]);
            if (draw < options.Probability) chosen.Add(i);
            if (draw < lowest) (unit, lowest) = (row.Units[i], draw);
        }
        // As BERT does, a row always teaches something: else short lines would often be read for nothing.
        if (chosen.Count > 0 || unit < 0) return chosen;
        for (int i = 0; i < row.Units.Length; i++)
        {
            if (row.Units[i] == unit) chosen.Add(i);
        }
        return chosen;
    }

    private static ulong Key(MaskableRow row, BatchMoment moment) =>
        DropoutStream.Combine(DropoutStream.Combine(DropoutStream.Combine(0, (ulong)moment.Seed), (ulong)moment.Epoch), (ulong)((MaskableRow)row.Origin).Row);

    // The upper 53 bits, which a double holds exactly: from 0 to below 1.
    private static double Uniform(ulong key, Draw draw, int position) =>
        (DropoutStream.Combine(DropoutStream.Combine(key, (ulong)draw), (ulong)position) >> 11) * (1.0 / (1UL << 53));
}
