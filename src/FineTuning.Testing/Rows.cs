using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Testing;

/// <summary>The rows that a model makes of examples, and what they cost it.</summary>
internal static class Rows
{
    /// <summary>Encodes examples as a run does.</summary>
    /// <exception cref="ArgumentException">Nothing is left of them.</exception>
    public static IReadOnlyList<EncodedRow> Of<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        var report = new EncodingReport();
        var rows = new List<EncodedRow>();
        for (int i = 0; i < examples.Count; i++)
        {
            if (model.Encode(examples[i], report) is not { } row) continue;
            row.Index = i;
            rows.Add(row);
        }
        IReadOnlyList<EncodedRow> prepared = model.PrepareRows(rows);
        return prepared.Count > 0 ? prepared
            : throw new ArgumentException("the model makes no row of these examples: there is nothing to look at", nameof(examples));
    }

    /// <summary>The sum of the losses of rows in one batch, without dropout, and what it is divided by.</summary>
    public static (double Loss, double Targets) Loss(TunableModel model, IReadOnlyList<EncodedRow> rows, int? paddedLength = null)
    {
        using WeightPass pass = model.Weights.Enter();
        using IDisposable scope = NewDisposeScope(), still = no_grad();
        Batch batch = model.Collate(rows, paddedLength ?? rows.Max(row => row.Length));
        return (model.SumLoss(batch, ForwardContext.Evaluation()).Number(), batch.TargetCount);
    }

    /// <summary>The gradients of the sum of the losses, without dropout, by weight; the weights have none afterwards.</summary>
    public static WeightValues Gradients(TunableModel model, IReadOnlyList<EncodedRow> rows)
    {
        using WeightPass pass = model.Weights.Enter();
        using var scope = NewDisposeScope();
        Clear(model.Weights);
        model.AddGradients(model.Collate(rows, rows.Max(row => row.Length)), ForwardContext.Evaluation());
        WeightValues gradients = WeightValues.GradientsOf(model.Weights);
        Clear(model.Weights);
        return gradients;
    }

    private static void Clear(WeightSet weights)
    {
        foreach (Weight weight in weights) weight.Value.grad = null;
    }
}
