using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What a reward model learns by: the chosen reward above the rejected one (Bradley and Terry 1952; Ouyang et al. 2022, equation 1).</summary>
internal static class RewardLoss
{
    /// <summary>-log s(rc - rr - margin) + c (rc + rr)^2 of each pair; the loss of a batch is the mean.</summary>
    /// <param name="chosen">rc, [pairs]</param>
    /// <param name="rejected">rr, [pairs]</param>
    /// <param name="margin">By how much it should be above, [pairs]. Null: 0.</param>
    /// <param name="centering">c, which keeps the rewards of a pair near 0 in sum (Eisenstein et al. 2023), 0 or more.</param>
    /// <returns>[pairs]</returns>
    public static Tensor PerPair(Tensor chosen, Tensor rejected, Tensor? margin, double centering)
    {
        Tensor difference = chosen - rejected;
        Tensor pairs = nn.functional.logsigmoid(margin is null ? difference : difference - margin).neg();
        return centering == 0 ? pairs : pairs.Plus(chosen.Plus(rejected).Squared() * Held(centering));
    }
}
