namespace FineTuning.Tasks;

/// <summary>An example of which an evaluation may let the model write the answer.</summary>
/// <param name="Source">What the model is given, as a person reads it; equal sources are one case with several references.</param>
/// <param name="Reference">What the example says.</param>
/// <param name="Prompt">The token ids that the model goes on from; asked for the cases that are chosen.</param>
internal sealed record WritingCase(string Source, string Reference, Func<int[]> Prompt);

/// <summary>Who watches an evaluation.</summary>
/// <param name="Cancellation">Ends it.</param>
internal sealed record EvaluationWatch(CancellationToken Cancellation)
{
    /// <summary>Hidden states that are kept. Null: all layers are computed.</summary>
    public Models.IFrozenStates? Frozen { get; init; }

    /// <summary>Told after every batch how many rows are done. Null: no one is told.</summary>
    public Action<int>? Evaluated { get; init; }

    /// <summary>Told after every batch how many texts are written, and of how many. Null: no one is told.</summary>
    public Action<int, int>? Written { get; init; }

    /// <summary>Asked before every batch. Null: there is no limit.</summary>
    public Func<bool>? IsTimeUp { get; init; }
}
