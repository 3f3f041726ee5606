using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;

namespace FineTuning.Heads;

/// <summary>Streams windows through a tagger and scores whole sentences once all their windows were seen.</summary>
internal sealed class TaggerEvaluation(TokenClassifier model) : IEvaluation
{
    private readonly EntityAccumulator? _entities = model.Tags.Scheme == TaggingScheme.Plain ? null : new(model.Tags.Scheme);
    private readonly ClassificationAccumulator? _words = model.Tags.Scheme == TaggingScheme.Plain ? new(model.Tags.Names) : null;
    private readonly Dictionary<EncodedSentence, (float[] Scores, int Missing)> _open = [];
    private readonly MetricCollector<IReadOnlyList<string>, IReadOnlyList<string>> _user = model.CollectMetrics<IReadOnlyList<string>, IReadOnlyList<string>>();
    private readonly MeanLoss _loss = new();

    public void Add(Batch batch, ForwardContext context)
    {
        var tokens = OwnRows.Batch<TokenizedBatch>(batch);
        torch.Tensor logits = model.UnitLogits(tokens, context);
        _loss.Add(model.LossOf(logits, tokens), batch.TargetCount);
        float[] values = logits.cpu().data<float>().ToArray();
        int tags = model.Tags.Count, at = 0;
        var whole = new List<(EncodedSentence Sentence, float[] Scores)>();
        foreach (SentenceWindow window in batch.Rows.Cast<SentenceWindow>())
        {
            EncodedSentence sentence = window.Sentence;
            if (!_open.Remove(sentence, out (float[] Scores, int Missing) state)) state = (new float[sentence.Units.Length * tags], sentence.Units.Length);
            foreach ((_, int unit) in window.Owned) values.AsSpan(at++ * tags, tags).CopyTo(state.Scores.AsSpan(unit * tags));
            state.Missing -= window.Owned.Length;
            if (state.Missing == 0) whole.Add((sentence, state.Scores));
            else _open[sentence] = state;
        }
        Score(whole);
    }

    public MetricReport Report()
    {
        // Only a rehearsal of a single batch leaves sentences without their other windows.
        Score([.. _open.Select(pair => (pair.Key, pair.Value.Scores))]);
        _open.Clear();
        return _user.Extend(_entities?.Report(_loss.Value) ?? _words!.Report(_loss.Value));
    }

    private void Score(List<(EncodedSentence Sentence, float[] Scores)> sentences)
    {
        if (sentences.Count == 0) return;
        int[][] best = model.Decoder.Best([.. sentences.Select(pair => pair.Scores)], model.Device);
        for (int i = 0; i < best.Length; i++)
        {
            int[] targets = sentences[i].Sentence.Targets!;
            string[] Names(IEnumerable<int> indices) => [.. indices.Select(index => model.Tags.Names[index])];
            (string[] wanted, string[] found) = (Names(targets), Names(best[i]));
            _entities?.Add(wanted, found);
            _user.Add(wanted, found);
            if (_words is null) continue;
            for (int unit = 0; unit < targets.Length; unit++)
            {
                float[] scores = sentences[i].Scores[(unit * model.Tags.Count)..((unit + 1) * model.Tags.Count)];
                _words.Add(targets[unit], [.. Probabilities.Softmax(scores).Select(share => (float)share)]);
            }
        }
    }
}
