using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What a tagger knows of the order of tags: a CRF's learned weights, the scheme's rules alone, or nothing.</summary>
/// <remarks>The weights are the model's; a CRF's are saved beside the head's under torchcrf's names, which transformers ignores.</remarks>
internal sealed class TagChain
{
    private const string Transitions = "crf.transitions", Start = "crf.start_transitions", End = "crf.end_transitions";

    private readonly TagSet _tags;
    private readonly Device _device;
    private readonly (Weight Transitions, Weight Start, Weight End)? _crf;
    private readonly bool _constrained;

    private TagChain(TagSet tags, Device device, (Weight, Weight, Weight)? crf, bool constrained) =>
        (_tags, _device, _crf, _constrained) = (tags, device, crf, constrained);

    /// <summary>Whether there are learned weights.</summary>
    public bool IsCrf => _crf is not null;

    /// <summary>Whether tags are read one by one.</summary>
    public bool IsFree => _crf is null && (!_constrained || _tags.Followers() is null);

    /// <summary>
    /// Reads the CRF of a checkpoint whose head is taken over (null: it is not), or makes a fresh one of zeros, which is no preference at all.
    /// </summary>
    public static TagChain Load(string? folder, OutputHead head, TagSet tags, TokenClassifierOptions options)
    {
        (Tensor, Tensor, Tensor)? stored = options.Crf == false || folder is null ? null : Read(folder, tags.Count);
        if (!(options.Crf ?? stored is not null)) return new(tags, head.Device, null, options.Constrained);
        int depth = head.Trunk.Plan.LayerCount + 1;
        (Tensor transitions, Tensor start, Tensor end) = stored ?? (zeros(tags.Count, tags.Count), zeros(tags.Count), zeros(tags.Count));
        // No weight decay on scores of tags: they are biases.
        Weight Add(string name, Tensor value) =>
            head.Weights.Add(name, value.to(ScalarType.Float32, head.Device).DetachFromDisposeScope(), WeightKind.Bias, depth);
        (Weight, Weight, Weight) crf = (Add(Transitions, transitions), Add(Start, start), Add(End, end));
        FiniteWeights.Require([crf.Item1, crf.Item2, crf.Item3], folder ?? "the model in memory");
        return new(tags, head.Device, crf, true);
    }

    /// <summary>The chain with what the scheme forbids made forbidding.</summary>
    public LinearChain Make()
    {
        int count = _tags.Count;
        Tensor transitions = _crf?.Transitions.Value ?? zeros([count, count], device: _device);
        Tensor start = _crf?.Start.Value ?? zeros([count], device: _device), end = _crf?.End.Value ?? zeros([count], device: _device);
        if (_tags.Followers() is not { } allowed) return new(transitions, start, end);
        var forbidden = new bool[count * count];
        for (int before = 0; before < count; before++)
        {
            for (int now = 0; now < count; now++) forbidden[(before * count) + now] = !allowed[before, now];
        }
        Tensor Mask(bool[] values, params long[] shape) => tensor(values, shape, ScalarType.Bool, _device);
        return new(
            transitions.masked_fill(Mask(forbidden, count, count), Held(LinearChain.Forbidden)),
            start.masked_fill(Mask([.. _tags.Starters().Select(may => !may)], count), Held(LinearChain.Forbidden)),
            end.masked_fill(Mask([.. _tags.Enders().Select(may => !may)], count), Held(LinearChain.Forbidden)));
    }

    private static (Tensor, Tensor, Tensor)? Read(string folder, int tags)
    {
        using ITensorSource source = CheckpointFiles.Open(folder);
        if (!source.Tensors.ContainsKey(Transitions)) return null;
        var faults = new List<string>();
        foreach ((string name, long[] shape) in new (string, long[])[] { (Transitions, [tags, tags]), (Start, [tags]), (End, [tags]) })
        {
            if (!source.Tensors.TryGetValue(name, out var found)) faults.Add($"'{name}' is missing");
            else if (!found.Shape.SequenceEqual(shape))
                faults.Add($"'{name}' has the shape [{string.Join(", ", found.Shape)}]; [{string.Join(", ", shape)}] was expected");
        }
        if (faults.Count == 0) return (source.ReadWeight(Transitions), source.ReadWeight(Start), source.ReadWeight(End));
        throw new CheckpointException(folder, $"the CRF does not fit the {tags} tags: {string.Join("; ", faults)}; "
            + "ask for a fresh head (FreshHead = true) if it is to be replaced");
    }
}
