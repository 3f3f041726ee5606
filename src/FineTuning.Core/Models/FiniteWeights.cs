using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A checkpoint with NaN or infinite numbers answers nothing but NaN: it is refused where it is read.</summary>
internal static class FiniteWeights
{
    private const int NamesShown = 5;

    /// <param name="weights">What was read; float32 or wider.</param>
    /// <param name="folder">What messages call it.</param>
    /// <exception cref="CheckpointException">A weight is not finite; the first few are named.</exception>
    public static void Require(IReadOnlyCollection<Weight> weights, string folder)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        // One pass over all: only a norm that is not finite is worth a look at each.
        var byType = weights.Where(weight => weight.Value.is_floating_point()).GroupBy(weight => weight.Value.dtype);
        if (byType.All(group => double.IsFinite(Kernels.Norm([.. group.Select(weight => weight.Value)]).Number()))) return;
        string[] names = [.. weights.Where(weight => !weight.Value.isfinite().all().item<bool>()).SelectMany(weight => weight.Parts
            .Where(part => weight.Value.dim() == 0 || !weight.Value.narrow(0, part.Start, part.Length).isfinite().all().item<bool>()).Select(part => $"'{part.CheckpointName}'"))];
        if (names.Length == 0) return;
        string more = names.Length > NamesShown ? $" and {names.Length - NamesShown} more" : "";
        throw new CheckpointException(folder, $"{string.Join(", ", names.Take(NamesShown))}{more} hold NaN or infinite numbers, where finite ones were expected: the file is damaged, or a run that diverged was saved; take another copy or an earlier checkpoint");
    }
}
