using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>
/// A head that chooses among labels and also learns the scores that it gave before the run: (1 - a) L + a T^2 KL(old | new) at temperature T
/// (Hinton, Vinyals and Dean 2015, section 2; learning without forgetting, Li and Hoiem 2016).
/// </summary>
/// <remarks>A view: the head keeps owning the weights. The old scores are computed once, before anything trains.</remarks>
/// <param name="model">Gives scores.</param>
/// <param name="share">a, from 0 to 1.</param>
/// <param name="temperature">T, above 0.</param>
internal sealed class TaughtModel(TunableModel model, double share, double temperature) : ModelView(model)
{
    private const int TokensInABatch = 2048;
    private const string Path = "taught/";

    private readonly Dictionary<EncodedRow, float[]> _old = [];
    private EncodedRow[] _rows = [];

    // Scores of two texts that are mixed were not given before.
    internal override bool MixesStates => false;

    internal override bool KeepsWholeGraph => true;

    public override Tensor SumLoss(Batch batch, ForwardContext context) => ScoredLoss(batch, context).Loss;

    public override double AddGradients(Batch batch, ForwardContext context) => AddGradientsOf(SumLoss(batch, context));

    internal override (Tensor Loss, Tensor Scores) ScoredLoss(Batch batch, ForwardContext context)
    {
        (Tensor loss, Tensor scores) = Model.ScoredLoss(batch, context);
        // Old scores are those of rows as they are in the data; one of which an epoch shows more or fewer words has none.
        if (!batch.Rows.All(row => _old.TryGetValue(row.Origin, out float[]? own) && own.Length == TargetsOf(row) * scores.shape[1])) return (loss, scores);
        Tensor old = tensor(batch.Rows.SelectMany(row => _old[row.Origin]).ToArray(), scores.shape, ScalarType.Float32, scores.device);
        float[] counts = [.. batch.Rows.SelectMany(row => Enumerable.Repeat((float)(row.TargetCount / TargetsOf(row)), TargetsOf(row)))];
        Tensor apart = Divergence(scores, old, temperature, tensor(counts, ScalarType.Float32, scores.device));
        return ((loss * Held(1 - share)).Plus(apart * Held(share)), scores);
    }

    /// <summary>T^2 times the sum of KL(old | new), both at temperature T.</summary>
    /// <param name="scores">The new scores, [targets, labels]</param>
    /// <param name="old">The old ones, [targets, labels]</param>
    /// <param name="temperature">T.</param>
    /// <param name="counts">How much each target counts, [targets]. Null: 1.</param>
    /// <returns>A scalar.</returns>
    internal static Tensor Divergence(Tensor scores, Tensor old, double temperature, Tensor? counts = null)
    {
        Tensor logs = nn.functional.log_softmax(scores / Held(temperature), -1), target = nn.functional.log_softmax(old / Held(temperature), -1);
        Tensor each = (target.exp() * (target - logs)).sum(-1);
        return (counts is null ? each : each * counts).sum() * Held(temperature * temperature);
    }

    internal override void Precompute(IReadOnlyList<EncodedRow> rows, CancellationToken cancellation)
    {
        Model.Precompute(rows, cancellation);
        _rows = [.. rows];
        using var gradients = no_grad();
        var rules = new BatchRules(int.MaxValue, TokensInABatch, GroupByLength: true, Shuffle: false, 1, int.MaxValue);
        foreach (PlannedBatch planned in BatchPlan.Of([.. rows.Select(row => row.Length)], rules, 0, 0))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            EncodedRow[] own = [.. planned.Rows.Select(index => rows[index])];
            Tensor scores = Model.ScoredLoss(Model.Collate(own, planned.PaddedLength), ForwardContext.Evaluation()).Scores;
            Keep(own, Outputs.Read(scores), (int)scores.shape[1]);
        }
    }

    internal override string? PrecomputedPath => Path;

    internal override void ExportPrecomputed(Action<string, Tensor> write)
    {
        using var scope = NewDisposeScope();
        write(Path + "scores", tensor(_rows.SelectMany(row => _old[row]).ToArray()));
    }

    internal override void ImportPrecomputed(Func<string, Tensor?> read, Action<string> fault)
    {
        using var scope = NewDisposeScope();
        int numbers = _rows.Sum(row => _old[row].Length), targets = _rows.Sum(TargetsOf);
        if (read(Path + "scores") is not { } stored) fault("the old model's scores are missing");
        else if (stored.numel() != numbers) fault($"the old model's scores are {stored.numel()} numbers; {numbers} were expected");
        else Keep(_rows, stored.data<float>().ToArray(), targets == 0 ? 0 : numbers / targets);
    }

    private void Keep(EncodedRow[] rows, float[] scores, int labels)
    {
        int start = 0;
        foreach (EncodedRow row in rows)
        {
            int end = start + (TargetsOf(row) * labels);
            _old[row] = scores[start..end];
            start = end;
        }
    }

    private static int TargetsOf(EncodedRow row) => row is SentenceWindow window ? window.Owned.Length : 1;
}
