using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// A linear-chain conditional random field (Lafferty et al. 2001): the score of a path is start[y0] + sum of emissions + sum of transitions[y(t-1), y(t)] +
/// end[y(last)]. All sequences of a batch at once, step by step in time.
/// </summary>
/// <param name="transitions">From row to column, [tags, tags].</param>
/// <param name="start">[tags]</param>
/// <param name="end">[tags]</param>
internal sealed class LinearChain(Tensor transitions, Tensor start, Tensor end)
{
    /// <summary>What a forbidden step costs: nothing real comes near it, and float32 keeps its sums finite.</summary>
    public const double Forbidden = -10000;

    /// <summary>The negative log-likelihood of each sequence, by the forward algorithm.</summary>
    /// <param name="emissions">[batch, steps, tags]</param>
    /// <param name="tags">The true path, [batch, steps], int64; anything valid behind a sequence's end.</param>
    /// <param name="real">Whether a step is the sequence's, [batch, steps], bool; the first always is.</param>
    /// <param name="starts">1 where the sequence begins here, 0 where it is a later window, [batch]. Null: all begin.</param>
    /// <param name="ends">1 where the sequence ends here, [batch]. Null: all end.</param>
    /// <returns>[batch]</returns>
    public Tensor NegativeLogLikelihood(Tensor emissions, Tensor tags, Tensor real, Tensor? starts = null, Tensor? ends = null)
    {
        (Tensor first, Tensor last) = Borders(starts, ends);
        Tensor partition = Forward(emissions, real, first)[^1].Plus(last).logsumexp(1);
        return partition - PathScore(emissions, tags, real, first, last);
    }

    /// <summary>The path of highest score for each sequence (Viterbi 1967).</summary>
    /// <param name="emissions">[batch, steps, tags]</param>
    /// <param name="lengths">Steps of each sequence, 1 or more.</param>
    public int[][] BestPaths(Tensor emissions, IReadOnlyList<int> lengths)
    {
        long steps = emissions.shape[1];
        Tensor real = Mask(lengths, steps, emissions.device);
        Tensor best = start.unsqueeze(0).Plus(emissions.select(1, 0));
        var sources = new List<long[]>();
        for (long t = 1; t < steps; t++)
        {
            (Tensor highest, Tensor from) = best.unsqueeze(2).Plus(transitions.unsqueeze(0)).max(1);
            sources.Add(from.cpu().data<long>().ToArray());
            best = where(real.select(1, t).unsqueeze(1), highest.Plus(emissions.select(1, t)), best);
        }
        long[] lasts = best.Plus(end.unsqueeze(0)).argmax(1).cpu().data<long>().ToArray();
        int tags = (int)emissions.shape[2];
        var paths = new int[lengths.Count][];
        for (int row = 0; row < paths.Length; row++)
        {
            int[] path = paths[row] = new int[lengths[row]];
            path[^1] = (int)lasts[row];
            for (int t = path.Length - 1; t > 0; t--) path[t - 1] = (int)sources[t - 1][(row * tags) + path[t]];
        }
        return paths;
    }

    /// <summary>The probability of each tag at each step, over all paths (forward-backward, Rabiner 1989).</summary>
    /// <param name="emissions">[batch, steps, tags]</param>
    /// <param name="lengths">Steps of each sequence, 1 or more.</param>
    /// <returns>[batch, steps, tags]; without meaning behind a sequence's end</returns>
    public Tensor Marginals(Tensor emissions, IReadOnlyList<int> lengths)
    {
        long steps = emissions.shape[1];
        Tensor real = Mask(lengths, steps, emissions.device);
        List<Tensor> forward = Forward(emissions, real, start.unsqueeze(0));
        Tensor after = end.unsqueeze(0).expand(emissions.shape[0], emissions.shape[2]), last = after;
        var backward = new Tensor[steps];
        backward[steps - 1] = after;
        for (long t = steps - 2; t >= 0; t--)
        {
            Tensor next = transitions.unsqueeze(0).Plus(emissions.select(1, t + 1).Plus(after).unsqueeze(1)).logsumexp(2);
            backward[t] = after = where(real.select(1, t + 1).unsqueeze(1), next, last);
        }
        return nn.functional.softmax(stack([.. forward.Select((alpha, t) => alpha.Plus(backward[t]))], 1), 2);
    }

    public static Tensor Mask(IReadOnlyList<int> lengths, long steps, Device device)
    {
        var real = new bool[lengths.Count * steps];
        for (int row = 0; row < lengths.Count; row++) real.AsSpan((int)(row * steps), lengths[row]).Fill(true);
        return tensor(real, [lengths.Count, steps], ScalarType.Bool, device);
    }

    private (Tensor First, Tensor Last) Borders(Tensor? starts, Tensor? ends) =>
        (starts is null ? start.unsqueeze(0) : starts.unsqueeze(1) * start, ends is null ? end.unsqueeze(0) : ends.unsqueeze(1) * end);

    /// <summary>The log of the summed scores of all paths that reach a tag, after each step.</summary>
    private List<Tensor> Forward(Tensor emissions, Tensor real, Tensor first)
    {
        Tensor alpha = first.Plus(emissions.select(1, 0));
        var all = new List<Tensor> { alpha };
        for (long t = 1; t < emissions.shape[1]; t++)
        {
            Tensor next = alpha.unsqueeze(2).Plus(transitions.unsqueeze(0)).logsumexp(1).Plus(emissions.select(1, t));
            alpha = where(real.select(1, t).unsqueeze(1), next, alpha);
            all.Add(alpha);
        }
        return all;
    }

    private Tensor PathScore(Tensor emissions, Tensor tags, Tensor real, Tensor first, Tensor last)
    {
        long steps = emissions.shape[1], count = emissions.shape[2];
        Tensor weight = real.to(emissions.dtype);
        Tensor score = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * weight).sum(1);
        if (steps > 1)
        {
            Tensor moves = (tags.narrow(1, 0, steps - 1) * Held(count)).Plus(tags.narrow(1, 1, steps - 1));
            Tensor values = transitions.reshape(-1).index_select(0, moves.reshape(-1)).reshape(moves.shape);
            score = score.Plus((values * weight.narrow(1, 1, steps - 1)).sum(1));
        }
        Tensor opening = tags.narrow(1, 0, 1), closing = tags.gather(1, real.to(ScalarType.Int64).sum(1, keepdim: true) - Held(1));
        long rows = emissions.shape[0];
        return score.Plus(first.expand(rows, count).gather(1, opening).squeeze(1)).Plus(last.expand(rows, count).gather(1, closing).squeeze(1));
    }
}
