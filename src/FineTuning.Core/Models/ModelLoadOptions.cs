using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>How a checkpoint is opened.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record ModelLoadOptions
{
    /// <summary>The seed of weights that the checkpoint does not have. Default 42.</summary>
    public long Seed { get; init; } = 42;

    /// <summary>
    /// Whether the whole head is drawn fresh, whatever the checkpoint holds, with the pooler where a task's head was tuned with it; false (default): the
    /// checkpoint's is used, and one of another size is an error. A head that is not there, or is for another task, is always fresh.
    /// </summary>
    public bool FreshHead { get; init; }

    /// <summary>Dropout of hidden states, attention and head, from 0 to below 1. Null: what config.json says.</summary>
    public double? Dropout { get; init; }

    /// <summary>Where the weights go: cpu (default), cuda, cuda:0 and so on, or auto (a GPU where there is one).</summary>
    public string Device { get; init => field = value ?? throw new ArgumentNullException(nameof(Device)); } = "cpu";

    /// <summary>
    /// The type in which the trunk's weights are kept, frozen for good: bfloat16 halves their memory. Null (default): float32, and they train.
    /// </summary>
    public Precision? FrozenPrecision { get; init; }

    /// <summary>
    /// In how few bits the trunk's linear layers are kept; the trunk is frozen for good and trains adapters. A checkpoint of bitsandbytes is opened as it
    /// is, where it is stored so; another one is quantised while it is read, matrix by matrix. Null (default): they are not.
    /// </summary>
    public WeightQuantization? Quantization { get; init; }

    /// <summary>The type of the weights in memory: float32; float64 where gradients are checked against differences.</summary>
    internal ScalarType MasterType { get; init; } = ScalarType.Float32;
}

/// <summary>What config.json says of the outputs when a model is saved.</summary>
/// <param name="Names">The names of the outputs in order.</param>
/// <param name="ProblemType">single_label_classification, multi_label_classification, regression. Null: nothing is said.</param>
public sealed record SavedLabels(IReadOnlyList<string> Names, string? ProblemType = null)
{
    /// <summary>The names of the outputs in order.</summary>
    public IReadOnlyList<string> Names { get; init => field = Present(value); } = Present(Names);

    private static IReadOnlyList<string> Present(IReadOnlyList<string> names)
    {
        NullMembers.RequireEntries(names, nameof(Names));
        return names;
    }
}
