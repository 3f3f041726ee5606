using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>
/// A language model that also learns the distributions that it gave before the run, at each token it predicts: (1 - a) L + a T^2 KL(old | new) at temperature T
/// (Hinton, Vinyals and Dean 2015, section 2; learning without forgetting, Li and Hoiem 2016).
/// </summary>
/// <remarks>
/// A view: the model keeps owning its weights. What was given before is computed again with the old weights in each step, exactly: kept for all tokens it would
/// be as long as the vocabulary for each, and masks are other ones in every epoch. Scores exist for a few tokens at a time.
/// </remarks>
/// <param name="model">Predicts words.</param>
/// <param name="old">Its weights before the run.</param>
/// <param name="share">a, from 0 to 1.</param>
/// <param name="temperature">T, above 0.</param>
internal sealed class TaughtWords(TunableModel model, OldWeights old, double share, double temperature) : ModelView(model)
{
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        if (batch.TargetCount <= 0) return Model.SumLoss(batch, context);
        IWordHead words = Model.Words!;
        using WeightPass pass = Weights.Enter();
        // The same inputs and precision, but nothing dropped, and casts of its own.
        ForwardContext plain = context.WithoutDropout();
        Tensor states = words.States(batch, context), before = old.Within(() => words.States(batch, plain.Again()));
        Tensor? counts = words.Weights(batch);
        Tensor apart = words.Head.SumOverTokens(states, (scores, start) => TaughtModel.Divergence(scores,
            old.Within(() => words.Head.Score(before.narrow(0, start, scores.shape[0]), plain.Again())), temperature,
            counts?.narrow(0, start, scores.shape[0])), context) * Held(share);
        return share >= 1 ? apart : (words.SumLoss(batch, states, context) * Held(1 - share)).Plus(apart);
    }

    public override double AddGradients(Batch batch, ForwardContext context) => AddGradientsOf(SumLoss(batch, context));
}
