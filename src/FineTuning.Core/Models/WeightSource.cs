using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A model's weights as a checkpoint: under the names that they would have in a file, each read as a copy.</summary>
/// <remarks>The weights stay their set's; they must live as long as this.</remarks>
internal sealed class WeightSource : ITensorSource
{
    private const string InMemory = "the model in memory";

    private readonly Dictionary<string, (Weight Weight, WeightPart Part)> _parts = new(StringComparer.Ordinal);

    public WeightSource(WeightSet weights)
    {
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (Weight weight in weights)
        {
            foreach (WeightPart part in weight.Parts)
            {
                _parts[part.CheckpointName] = (weight, part);
                long[] shape = weight.Value.dim() == 0 ? [] : [part.Length, .. weight.Value.shape[1..]];
                tensors[part.CheckpointName] = new(part.CheckpointName, "F32", part.Layout.FileShape(shape), InMemory);
            }
        }
        Tensors = tensors;
    }

    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public Tensor Read(string name)
    {
        if (!_parts.TryGetValue(name, out (Weight Weight, WeightPart Part) found)) throw new CheckpointException(InMemory, $"it has no tensor '{name}'");
        using var gradients = no_grad();
        return found.Part.Of(found.Weight.Value.detach()).clone();
    }

    public void Dispose()
    {
        // The weights are not this object's.
    }
}
