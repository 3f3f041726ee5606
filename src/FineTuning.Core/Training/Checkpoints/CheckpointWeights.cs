namespace FineTuning.Training;

/// <summary>Which of a checkpoint's weights are meant.</summary>
public enum CheckpointWeights
{
    /// <summary>Those of its step.</summary>
    OfStep,

    /// <summary>Those of the best evaluation up to its step.</summary>
    Best,
}
