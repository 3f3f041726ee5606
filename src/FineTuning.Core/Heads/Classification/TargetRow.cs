using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A text with the index of its label, or with a target vector or number, and how much it counts.</summary>
internal sealed class TargetRow(int[] ids, int[]? typeIds, int label, float[]? targets, double weight, double count) : TokenizedRow(ids, typeIds)
{
    public int Label { get; } = label;

    public float[]? Targets { get; } = targets;

    public double Weight { get; } = weight;

    public override double TargetCount { get; } = count;

    internal override void Write(RowWriter writer)
    {
        WriteTokens(writer);
        writer.Number(Label);
        writer.OptionalReals(Targets);
        writer.Real(Weight);
        writer.Flag(TargetCount == Weight);
        if (TargetCount != Weight) writer.Real(TargetCount);
    }

    internal static new TargetRow Read(ref RowReader reader)
    {
        (int[] ids, int[]? types) = ReadTokens(ref reader);
        (int label, float[]? targets, double weight) = (reader.SmallNumber(), reader.OptionalReals(), reader.Real());
        return new(ids, types, label, targets, weight, reader.Flag() ? weight : reader.Real());
    }

    /// <summary>The rows' labels, [rows], int64.</summary>
    public static Tensor Labels(TokenizedBatch batch, Device device) =>
        tensor(batch.Rows.Select(row => (long)OwnRows.Of<TargetRow>(row).Label).ToArray(), ScalarType.Int64, device);

    /// <summary>The rows' target vectors, [rows, outputs], float32.</summary>
    public static Tensor TargetMatrix(TokenizedBatch batch, int outputs, Device device)
    {
        var values = new float[batch.Rows.Count * outputs];
        for (int row = 0; row < batch.Rows.Count; row++) ((TargetRow)batch.Rows[row]).Targets!.CopyTo(values.AsSpan(row * outputs));
        return tensor(values, [batch.Rows.Count, outputs], ScalarType.Float32, device);
    }

    /// <summary>The rows' weights, [rows], float32; null where all are 1.</summary>
    public static Tensor? Weights(TokenizedBatch batch, Device device) =>
        batch.Rows.All(row => OwnRows.Of<TargetRow>(row).Weight == 1)
            ? null
            : tensor(batch.Rows.Select(row => (float)OwnRows.Of<TargetRow>(row).Weight).ToArray(), ScalarType.Float32, device);
}
