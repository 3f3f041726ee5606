using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Scores questions whose windows come in any order; of a question only its best spans are kept, and only until its last window came.</summary>
internal sealed class AnswerEvaluation(QuestionAnswerer model) : IEvaluation
{
    private readonly AnswerAccumulator _accumulator = new(model.AllowsNoAnswer);
    private readonly Dictionary<QuestionRow, (AnswerSearch Search, int Missing)> _open = [];
    private readonly MetricCollector<IReadOnlyList<string>, string> _user = model.CollectMetrics<IReadOnlyList<string>, string>();
    private readonly MeanLoss _loss = new();

    public void Add(Batch batch, ForwardContext context)
    {
        var tokens = OwnRows.Batch<TokenizedBatch>(batch);
        Tensor logits = model.Head.Logits(tokens.Input, context);
        _loss.Add(model.LossOf(logits, tokens), batch.TargetCount);
        float[] values = logits.to(ScalarType.Float32).cpu().data<float>().ToArray();
        for (int i = 0; i < batch.Rows.Count; i++)
        {
            var row = (WindowRow)batch.Rows[i];
            QuestionRow question = row.Question!;
            if (!_open.TryGetValue(question, out (AnswerSearch Search, int Missing) state)) state = (new AnswerSearch(model.Rules), question.Windows.Length);
            state.Search.Add(row.Window, values.AsSpan(i * batch.PaddedLength * 2, row.Length * 2), row.Fullest);
            if (state.Missing > 1)
            {
                _open[question] = (state.Search, state.Missing - 1);
                continue;
            }
            _open.Remove(question);
            Score(question, state.Search);
        }
    }

    public MetricReport Report()
    {
        // What is still open was shown in part: the dry run's batch.
        foreach ((QuestionRow question, (AnswerSearch search, _)) in _open) Score(question, search);
        _open.Clear();
        return _user.Extend(_accumulator.Report(_loss.Value, model.NoAnswerThreshold));
    }

    private void Score(QuestionRow question, AnswerSearch search)
    {
        string answer = search.BestSpan is { } span ? AnswerSearch.Text(question.Context, span) : "";
        _accumulator.Add(answer, question.References, search.Margin);
        _user.Add(question.References, model.AllowsNoAnswer && search.Margin > model.NoAnswerThreshold ? "" : answer);
    }
}
