using System.Globalization;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Models;

/// <summary>How many numbers a model may have, before memory is taken for them: config.json may claim any sizes.</summary>
/// <param name="source">The checkpoint. Null: all is drawn.</param>
/// <param name="folder">What messages call it.</param>
internal sealed class WeightBudget(ITensorSource? source, string folder)
{
    private const long Spare = 1 << 20;

    private readonly long _stored = source?.Tensors.Values.Sum(tensor => TensorShape.Elements(tensor.Shape)) ?? 0;
    private readonly long _most = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / sizeof(float);
    private long _asked, _missing;

    /// <summary>Asks for a weight.</summary>
    /// <exception cref="CheckpointException">No memory of this machine would hold the model.</exception>
    public void Ask(string name, long[] shape)
    {
        long elements = Elements(name, shape);
        if (elements <= _most - _asked)
        {
            _asked += elements;
            return;
        }
        throw new CheckpointException(folder, string.Create(CultureInfo.InvariantCulture,
            $"with '{name}' of shape [{string.Join(", ", shape)}] the model has more than {_most} numbers, "
            + $"which is all that fits into the memory of this machine; check the sizes in config.json"));
    }

    /// <summary>
    /// Whether a weight that is not in the file as it should be may be stood in for, so that all faults can be listed: never by more than the file holds.
    /// </summary>
    public bool TryStandIn(long[] shape)
    {
        long elements = TensorShape.Elements(shape);
        if (elements > _stored + Spare - _missing) return false;
        _missing += elements;
        return true;
    }

    private long Elements(string name, long[] shape)
    {
        try
        {
            return TensorShape.Elements(shape);
        }
        catch (InvalidDataException fault)
        {
            throw new CheckpointException(folder, $"'{name}' would have the shape [{string.Join(", ", shape)}]: {fault.Message}; "
                + "check the sizes in config.json", fault);
        }
    }
}
