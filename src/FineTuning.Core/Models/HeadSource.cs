namespace FineTuning.Models;

/// <summary>What of a checkpoint's head a model takes over.</summary>
/// <param name="UsesHead">Whether the head is taken where the checkpoint has one; false: it is for another task, or is to be fresh.</param>
/// <param name="KeepsPooler">
/// Whether a pooler that stands in the checkpoint is taken even where the head is not: it was pretrained with the trunk, and not tuned with a task's head. Null:
/// where the tensors of a head stand beside it, it was tuned with that.
/// </param>
internal readonly record struct HeadSource(bool UsesHead, bool? KeepsPooler)
{
    /// <param name="kind">What the head is to be for.</param>
    /// <param name="held">What the head of a model in memory is for; null: config.json says it.</param>
    /// <param name="head">What config.json says.</param>
    /// <param name="fresh">Whether the user asks for a fresh head.</param>
    public static HeadSource Of(HeadKind kind, HeadKind? held, CheckpointHead head, bool fresh)
    {
        bool serves = held is { } other ? other == kind : head.Serves(kind) != false;
        bool? ofTask = held is { } task ? task is not (HeadKind.None or HeadKind.MaskedLanguage) : head.IsOfTask;
        return new(serves && !fresh, !fresh || kind is HeadKind.None or HeadKind.MaskedLanguage ? true : !ofTask);
    }
}
