using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>Sees that a limited address space has room for what a run does beside its micro-batches: the optimizer's step and evaluations.</summary>
/// <remarks>Neither is begun where it could not be finished: weights would be neither old nor new.</remarks>
/// <param name="model">Its evaluations are measured.</param>
/// <param name="options">The recipe.</param>
/// <param name="room">What is asked; evaluations are measured in one of its own.</param>
internal sealed class RunRoom(TunableModel model, TrainingOptions options, AddressRoom room)
{
    private readonly AddressRoom _evaluations = room.Fresh();

    /// <summary>Measures what batches of an evaluation take, from short ones up to the largest.</summary>
    public void LearnEvaluation(RowSet rows)
    {
        foreach (PlannedBatch part in AddressRoom.Ladder(rows.Lengths, Evaluator.Plan(model, rows)[^1]))
            _evaluations.Learn(part, () => Evaluator.Add(model, rows, part, model.NewEvaluation()));
    }

    /// <summary>Before the optimizer's step; its moments are made in the first.</summary>
    /// <exception cref="InsufficientMemoryException">There is less than it may take.</exception>
    public void RequireForUpdate(RunParts run)
    {
        long moments = run.Record.Steps > 0 ? 0 : run.Trained.Sum(weight => options.Optimizer.MomentCount(weight) * weight.Value.element_size());
        room.Require(moments + (2 * run.Trained.Max(Bytes)), "the optimizer's step");
    }

    /// <summary>Before an evaluation, after which the best weights may be copied.</summary>
    /// <exception cref="InsufficientMemoryException">There is less than it may take.</exception>
    public void RequireForEvaluation(RunParts run, RowSet rows)
    {
        long copies = !options.KeepBest || run.Best.Any ? 0 : run.Trained.Sum(Bytes);
        _evaluations.Require(copies + _evaluations.Forecast(Evaluator.Plan(model, rows)[^1]), "an evaluation");
    }

    private static long Bytes(Weight weight) => weight.Value.numel() * weight.Value.element_size();
}
