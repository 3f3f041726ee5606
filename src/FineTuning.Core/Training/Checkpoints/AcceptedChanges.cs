namespace FineTuning.Training;

/// <summary>What may differ between the run that wrote a checkpoint and the one that goes on from it. What differs is named in the warnings.</summary>
[Flags]
public enum AcceptedChanges
{
    /// <summary>Nothing: the run goes on as if it had never stopped.</summary>
    None = 0,

    /// <summary>Settings of the recipe.</summary>
    Recipe = 1,

    /// <summary>The training or validation data.</summary>
    Data = 2,

    /// <summary>The model that the run began with, its loss or its options.</summary>
    Model = 4,

    /// <summary>Threads, processor, device, and versions of the libraries: results may differ in their last bits.</summary>
    Environment = 8,
}
