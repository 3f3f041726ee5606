using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Tasks;

/// <summary>How a head predicts words of a vocabulary: states of the trunk, and losses of these states. Scores of a batch never exist whole.</summary>
internal interface IWordHead
{
    /// <summary>From states to scores.</summary>
    OutputHead Head { get; }

    /// <summary>The states that predict, [targets, hidden].</summary>
    /// <param name="batch">A batch that the model collated, with at least one target.</param>
    /// <param name="context">The pass.</param>
    Tensor States(Batch batch, ForwardContext context);

    /// <summary>The sum of the losses of such states: what <see cref="TunableModel.SumLoss"/> gives, a scalar.</summary>
    /// <param name="batch">The same batch.</param>
    /// <param name="states">[targets, hidden]</param>
    /// <param name="context">The same pass.</param>
    Tensor SumLoss(Batch batch, Tensor states, ForwardContext context);

    /// <summary>How much each target counts, [targets]. Null: 1.</summary>
    Tensor? Weights(Batch batch);
}
