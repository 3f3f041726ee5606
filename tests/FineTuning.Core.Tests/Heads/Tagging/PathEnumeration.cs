using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Tagging;

/// <summary>All paths of a short sequence, one by one: what the CRF's recursions must give.</summary>
internal static class PathEnumeration
{
    /// <param name="emissions">[steps, tags]</param>
    /// <param name="transitions">[tags, tags]</param>
    /// <param name="start">[tags]</param>
    /// <param name="end">[tags]</param>
    /// <returns>The highest score, the log of the sum over paths, and each step's tag probabilities.</returns>
    public static (double Best, double Partition, double[,] Marginals) Of(Tensor emissions, Tensor transitions, Tensor start, Tensor end)
    {
        (int steps, int tags) = ((int)emissions.shape[0], (int)emissions.shape[1]);
        double[] Values(Tensor tensor) => tensor.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
        double[] e = Values(emissions), t = Values(transitions), s = Values(start), f = Values(end);
        int total = (int)Math.Pow(tags, steps);
        var scores = new double[total];
        var path = new int[steps];
        for (int code = 0; code < total; code++)
        {
            for (int i = 0, rest = code; i < steps; i++, rest /= tags) path[i] = rest % tags;
            scores[code] = s[path[0]] + f[path[^1]];
            for (int i = 0; i < steps; i++) scores[code] += e[(i * tags) + path[i]] + (i == 0 ? 0 : t[(path[i - 1] * tags) + path[i]]);
        }
        double best = scores.Max(), sum = scores.Sum(score => Math.Exp(score - best));
        var marginals = new double[steps, tags];
        for (int code = 0; code < total; code++)
        {
            for (int i = 0, rest = code; i < steps; i++, rest /= tags) marginals[i, rest % tags] += Math.Exp(scores[code] - best) / sum;
        }
        return (best, best + Math.Log(sum), marginals);
    }
}
