using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A row of tokens of which some may be masked.</summary>
/// <param name="ids">Token ids, special tokens included.</param>
/// <param name="units">For each token the number of the unit (word or token) that is masked together; -1: never masked.</param>
/// <param name="row">The row's index in its data set.</param>
/// <param name="expected">How many tokens are predicted on average.</param>
internal sealed class MaskableRow(int[] ids, int[] units, int row, double expected) : TokenizedRow(ids, null)
{
    public int[] Units { get; } = units;

    public int Row { get; } = row;

    public override double TargetCount { get; } = expected;

    internal override void Write(RowWriter writer)
    {
        WriteTokens(writer);
        writer.Numbers(Units);
        writer.Count(Row);
        writer.Real(TargetCount);
    }

    internal static new MaskableRow Read(ref RowReader reader)
    {
        (int[] ids, _) = ReadTokens(ref reader);
        int[] units = reader.Numbers();
        return units.Length == ids.Length ? new(ids, units, reader.Count(), reader.Real()) : throw RowReader.Damaged("it has not as many units as tokens");
    }
}

/// <summary>Rows with what is hidden in them.</summary>
internal sealed class MaskedBatch(IReadOnlyList<EncodedRow> rows, int paddedLength, TrunkInput input, long[] positions, long[] targets)
    : TokenizedBatch(rows, paddedLength, input)
{
    /// <summary>What the loss is divided by: the predicted tokens.</summary>
    public override double TargetCount => targets.Length;

    /// <summary>Positions in the flattened batch that are predicted, [targets], int64.</summary>
    public Tensor Positions(Device device) => tensor(positions, ScalarType.Int64, device);

    /// <summary>The ids that stood there, [targets], int64.</summary>
    public Tensor Targets(Device device) => tensor(targets, ScalarType.Int64, device);

    /// <summary>Masks rows and stacks them.</summary>
    /// <param name="rows">Rows that are all <see cref="MaskableRow"/>s.</param>
    /// <param name="paddedLength">Tokens a row after padding.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="device">Where the tensors go.</param>
    /// <param name="masking">What hides tokens.</param>
    /// <param name="moment">When.</param>
    public static MaskedBatch Of(IReadOnlyList<EncodedRow> rows, int paddedLength, int padId, Device device, TokenMasking masking, BatchMoment moment)
    {
        var hidden = new EncodedRow[rows.Count];
        var positions = new List<long>();
        var targets = new List<long>();
        for (int i = 0; i < hidden.Length; i++)
        {
            var row = OwnRows.Of<MaskableRow>(rows[i]);
            int[] shown = masking.Apply(row, moment, out List<int> predicted);
            hidden[i] = new TokenizedRow(shown, null);
            foreach (int position in predicted)
            {
                positions.Add(((long)i * paddedLength) + position);
                targets.Add(row.TokenIds[position]);
            }
        }
        return new(rows, paddedLength, Stack(hidden, paddedLength, padId, device), [.. positions], [.. targets]);
    }
}
