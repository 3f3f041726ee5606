using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Labelled completions as a batch, with the rows that meet the completion of another prompt.</summary>
internal sealed class UnpairedBatch : Batch
{
    private UnpairedBatch(IReadOnlyList<EncodedRow> rows, LanguageBatch texts)
        : base(rows, texts.PaddedLength) => Texts = texts;

    /// <summary>[rows, width]</summary>
    public LanguageBatch Texts { get; }

    /// <summary>[rows, own width]. Null: nobody asks.</summary>
    public LanguageBatch? Mismatches { get; private init; }

    /// <summary>1 where the completion is desirable, else 0, [rows], float32.</summary>
    public required Tensor Desirable { get; init; }

    /// <summary>Log-probabilities under the reference: of all rows, then of their mismatches, [2 rows], float32. Null: there are none.</summary>
    public Tensor? Reference { get; private init; }

    /// <param name="rows">Rows that are all <see cref="LabeledRow"/>s.</param>
    /// <param name="width">Tokens a row after padding; at least those of the longest.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="reference">The values of a row under the reference. Null: there are none.</param>
    /// <param name="device">Where the tensors go.</param>
    public static UnpairedBatch Of(
        IReadOnlyList<EncodedRow> rows, int width, int padId, Func<LabeledRow, (float Own, float Mismatch)>? reference, Device device)
    {
        LabeledRow[] labeled = [.. rows.Select(OwnRows.Of<LabeledRow>)];
        CausalRow[] mismatches = [.. labeled.Select(row => row.Mismatch).OfType<CausalRow>()];
        (float Own, float Mismatch)[]? values = reference is null ? null : [.. labeled.Select(reference)];
        return new(rows, LanguageBatch.OfTexts([.. labeled.Select(row => row.Row)], width, padId, device))
        {
            Mismatches = mismatches.Length < labeled.Length ? null : LanguageBatch.OfTexts(mismatches, mismatches.Max(row => row.Length), padId, device),
            Desirable = tensor([.. labeled.Select(row => row.IsDesirable ? 1f : 0)], ScalarType.Float32, device),
            Reference = values is null ? null
                : tensor([.. values.Select(value => value.Own), .. values.Select(value => value.Mismatch)], ScalarType.Float32, device),
        };
    }

    /// <summary>What losses over labelled completions read of the batch; the reference's values are 0 where there are none.</summary>
    /// <param name="head">A head over the vocabulary.</param>
    /// <param name="context">The pass.</param>
    public UnpairedScores Score(OutputHead head, ForwardContext context)
    {
        Tensor own = CompletionLogs.Of(head, Texts, context).sum(1);
        Tensor reference = Reference ?? zeros([2L * Rows.Count], own.dtype, own.device);
        Tensor? mismatched = null;
        if (Mismatches is not null)
        {
            using var gradients = no_grad();
            mismatched = CompletionLogs.Of(head, Mismatches, context).sum(1);
        }
        return new(own, reference.narrow(0, 0, Rows.Count), Desirable, mismatched, mismatched is null ? null : reference.narrow(0, Rows.Count, Rows.Count));
    }
}
