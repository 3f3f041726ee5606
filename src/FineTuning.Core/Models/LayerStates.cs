using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What each layer gives for what a head reads: inputs of probes.</summary>
internal static class LayerStates
{
    /// <summary>The states before the first layer and after each.</summary>
    /// <param name="head">The head.</param>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>
    /// [batch, tokens, hidden] for a head over tokens. Else [batch, hidden]: the mean of the real tokens, since layers above may gather from any of them; of
    /// the last layer what the head reads.
    /// </returns>
    public static IReadOnlyList<Tensor> Of(OutputHead head, TrunkInput input, ForwardContext context)
    {
        TrunkInput read = head.Read(input);
        IReadOnlyList<Tensor> states = head.Trunk.AllStates(read, context);
        if (head.Wanted.IsAll) return states;
        Tensor One(Tensor layer, WantedStates wanted) => (wanted.IsMean ? Trunk.Mean(layer, read.OwnMask) : wanted.Resolve(read)!.Of(layer)).squeeze(1);
        return [.. states.Select((layer, i) => One(layer, i == states.Count - 1 ? head.Wanted : WantedStates.Mean))];
    }
}
