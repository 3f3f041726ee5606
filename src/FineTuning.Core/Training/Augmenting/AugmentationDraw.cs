using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>The numbers that one augmentation draws for one row: a sequence that is a function of seed, epoch, row and purpose.</summary>
internal sealed class AugmentationDraw(long seed, long epoch, int row, int purpose)
{
    private readonly ulong _key = DropoutStream.Combine(
        DropoutStream.Combine(DropoutStream.Combine(DropoutStream.Combine(~0UL, (ulong)seed), (ulong)epoch), (ulong)row), (ulong)purpose);

    private ulong _drawn;

    /// <summary>From 0 to below 1.</summary>
    public double Next() => (DropoutStream.Combine(_key, _drawn++) >> 11) * (1.0 / (1UL << 53));

    /// <summary>From 0 to below a count of 1 or more.</summary>
    public int Below(int count) => (int)(Next() * count);
}
