namespace FineTuning.Models;

/// <summary>What of a checkpoint's head a model takes over.</summary>
/// <param name="UsesHead">Whether the head is taken where the checkpoint has one. False: it is for another task, or is to be fresh.</param>
/// <param name="KeepsPooler">
/// Whether a pooler that stands in the checkpoint is taken even where the head is not: it was pretrained with the trunk, and not tuned with a task's head.
/// Null: where the tensors of a head stand beside it, it was tuned with that.
/// </param>
internal readonly record struct HeadSource(bool UsesHead, bool? KeepsPooler)
{
    /// <param name="kind">What the head is to be for.</param>
    /// <param name="head">What config.json says.</param>
    /// <param name="fresh">Whether the user asks for a fresh head.</param>
    public static HeadSource Of(HeadKind kind, CheckpointHead head, bool fresh) =>
        new(head.Serves(kind) != false && !fresh, !fresh || kind == HeadKind.None || kind == HeadKind.MaskedLanguage ? true : !head.IsOfTask);
}
