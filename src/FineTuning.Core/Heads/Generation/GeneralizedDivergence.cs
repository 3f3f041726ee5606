using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// How far a model's next-word distribution is from a teacher's: from KL(teacher || model) at b = 0 over the generalised Jensen-Shannon divergence
/// b KL(teacher || m) + (1 - b) KL(model || m), m = b teacher + (1 - b) model, to KL(model || teacher) at b = 1 (Agarwal et al. 2024, equation 1).
/// </summary>
internal static class GeneralizedDivergence
{
    /// <param name="own">The model's scores, [tokens, words].</param>
    /// <param name="teacher">The teacher's scores, [tokens, words].</param>
    /// <param name="mixture">b, from 0 to 1.</param>
    /// <param name="temperature">What both are divided by, above 0.</param>
    /// <returns>[tokens]</returns>
    public static Tensor PerToken(Tensor own, Tensor teacher, double mixture, double temperature)
    {
        Tensor model = nn.functional.log_softmax(own / Held(temperature), -1), theirs = nn.functional.log_softmax(teacher / Held(temperature), -1);
        if (mixture == 0) return Between(theirs, model);
        if (mixture == 1) return Between(model, theirs);
        Tensor mean = logaddexp(model.Plus(Math.Log(1 - mixture)), theirs.Plus(Math.Log(mixture)));
        return (Between(theirs, mean) * Held(mixture)).Plus(Between(model, mean) * Held(1 - mixture));
    }

    // KL(p || q) of logarithms.
    private static Tensor Between(Tensor p, Tensor q) => (p.exp() * (p - q)).sum(1);
}
