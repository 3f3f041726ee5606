using FineTuning.Models;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>What a feature does at the points of the loop; by default nothing.</summary>
/// <remarks>All members are called on the run's thread. What they throw ends the run. Tensors that outlive a call are the feature's own to free.</remarks>
internal abstract class LoopFeature : IDisposable
{
    /// <summary>What the rate of the next step is multiplied by.</summary>
    public virtual double RateFactor => 1;

    /// <summary>The name, with a slash at its end, below which it exports; null: it exports nothing.</summary>
    public virtual string? StatePath => null;

    /// <summary>The state that the run goes on from; null: it has none to offer. Asked once, before anything of the model is changed.</summary>
    /// <returns>The caller disposes it.</returns>
    public virtual RunState? Restore(RunParts run) => null;

    /// <summary>Before the first step, or before the first after a state was imported.</summary>
    public virtual void Begin(RunParts run)
    {
    }

    /// <summary>When it is set which weights train: before each epoch, and before an evaluation that a run which goes on still owes.</summary>
    public virtual void BeginEpoch(RunParts run, long epoch)
    {
    }

    /// <summary>Before the first micro-batch of a step; again where the step begins again because memory ended.</summary>
    /// <param name="run">The run.</param>
    /// <param name="batches">The rows of each micro-batch of the step.</param>
    public virtual void BeginWindow(RunParts run, IReadOnlyList<IReadOnlyList<EncodedRow>> batches)
    {
    }

    /// <summary>Before the forward pass of a micro-batch, in its scope.</summary>
    public virtual void BeforeForward(RunParts run, Batch batch)
    {
    }

    /// <summary>How a micro-batch is computed; by default as it is.</summary>
    public virtual ForwardContext Shape(RunParts run, ForwardContext context) => context;

    /// <summary>How many passes over a micro-batch are kept at once until the backward pass.</summary>
    public virtual int Passes => 1;

    /// <summary>Computes loss and gradients of a micro-batch in its own way, as <see cref="TunableModel.AddGradients"/> does.</summary>
    /// <returns>The sum of the losses. Null: it is computed as ever.</returns>
    public virtual double? AddGradients(RunParts run, Batch batch, ForwardContext context) => null;

    /// <summary>After the backward pass of a micro-batch, in its scope: its gradients are added to those of the window, as sums.</summary>
    public virtual void AfterBackward(RunParts run, Batch batch, ForwardContext context)
    {
    }

    /// <summary>Joins what the window came to with that of others who train the same weights.</summary>
    public virtual StepTally Reduce(StepTally tally) => tally;

    /// <summary>When the gradients of the window are complete, before they are measured and clipped.</summary>
    /// <param name="run">The run.</param>
    /// <param name="targetCount">What the sums are divided by later: a gradient that is added is multiplied by it.</param>
    public virtual void AfterGradients(RunParts run, double targetCount)
    {
    }

    /// <summary>After a step has changed the weights and is counted.</summary>
    public virtual void AfterStep(RunParts run)
    {
    }

    /// <summary>Where the loss or a gradient of a window is not finite, and nothing was changed: true where the run goes on, else it fails.</summary>
    /// <param name="run">The run.</param>
    /// <param name="problem">What is not finite, where, and in which records.</param>
    public virtual bool Recover(RunParts run, string problem) => false;

    /// <summary>Between two steps, the evaluation that was due done: the state can be exported.</summary>
    public virtual void BetweenSteps(RunParts run)
    {
    }

    /// <summary>Before the validation data is evaluated.</summary>
    public virtual void BeforeEvaluation(RunParts run)
    {
    }

    /// <summary>After it, the best weights kept; also where it failed or was cancelled.</summary>
    public virtual void AfterEvaluation(RunParts run)
    {
    }

    /// <summary>At the end, before the best weights are put back; also where the run failed.</summary>
    public virtual void End(RunParts run)
    {
    }

    /// <summary>Writes what it keeps, below a name of its own.</summary>
    public virtual void Export(StateWriter state)
    {
    }

    /// <summary>Takes over what it wrote.</summary>
    public virtual void Import(RunParts run, StateReader state)
    {
    }

    public virtual void Dispose()
    {
    }
}
