using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>By which f-divergence the model is held near its reference (Wang et al. 2024, table 1).</summary>
public enum PolicyDivergence
{
    /// <summary>Reverse Kullback-Leibler, as in DPO: the log-ratio l itself.</summary>
    ReverseKullbackLeibler,

    /// <summary>Forward Kullback-Leibler: 1 - exp(-l).</summary>
    ForwardKullbackLeibler,

    /// <summary>Jensen-Shannon: log 2 + log s(l).</summary>
    JensenShannon,

    /// <summary>The alpha divergence: (exp((a - 1) l) - 1) / (a - 1).</summary>
    Alpha,
}

/// <summary>What a divergence makes of log-ratios.</summary>
internal static class Divergences
{
    // exp of more than 88 is infinite in float32.
    private const double LargestExponent = 80;

    /// <param name="ratio">l, [pairs]</param>
    /// <param name="divergence">Which.</param>
    /// <param name="coefficient">a of the alpha divergence.</param>
    /// <returns>[pairs]</returns>
    public static Tensor Apply(Tensor ratio, PolicyDivergence divergence, double coefficient) => divergence switch
    {
        PolicyDivergence.ForwardKullbackLeibler => Minus(1, ratio.neg().clamp_max(Held(LargestExponent)).exp()),
        PolicyDivergence.JensenShannon => nn.functional.logsigmoid(ratio).Plus(Math.Log(2)),
        PolicyDivergence.Alpha when coefficient != 1 =>
            (ratio * Held(coefficient - 1)).clamp_max(Held(LargestExponent)).exp().Plus(-1) / Held(coefficient - 1),
        _ => ratio,
    };
}
