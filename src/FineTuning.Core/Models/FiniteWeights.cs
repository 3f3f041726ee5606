using System.Globalization;
using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
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
        RequireAll(weights, folder, value => value.isfinite(),
            "hold NaN or infinite numbers, where finite ones were expected: the file is damaged, "
            + "or a run that diverged was saved; take another copy or an earlier checkpoint");
        RequireAll(weights, folder, value => value.abs().le(Held(FloatValues.LargestBFloat16)), string.Create(CultureInfo.InvariantCulture,
            $"hold numbers beyond {FloatValues.LargestBFloat16:g4}, the largest that bfloat16 has: a pass in it would give infinity; "
            + $"take another copy or an earlier checkpoint"));
    }

    private static void RequireAll(IReadOnlyCollection<Weight> weights, string folder, Func<Tensor, Tensor> holds, string problem)
    {
        string[] names = [.. weights.Where(weight => !holds(weight.Value).all().item<bool>()).SelectMany(weight => weight.Parts
            .Where(part => weight.Value.dim() == 0 || !holds(weight.Value.narrow(0, part.Start, part.Length)).all().item<bool>())
            .Select(part => $"'{part.CheckpointName}'"))];
        if (names.Length == 0) return;
        string more = names.Length > NamesShown ? $" and {names.Length - NamesShown} more" : "";
        throw new CheckpointException(folder, $"{string.Join(", ", names.Take(NamesShown))}{more} {problem}");
    }
}
