using FineTuning.Metrics;
using FineTuning.Models;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Ends with a mean of the weights of several evaluations: from the best down, each is added where the metric of the validation data does not become worse
/// (greedy soup, Wortsman et al. 2022, "Model soups", recipe 1). It needs the memory of as many copies of the weights that train as there are candidates,
/// and one more.
/// </summary>
/// <param name="Candidates">How many of the best evaluations are kept, 2 or more.</param>
internal sealed record GreedySoup(int Candidates) : RunFeature
{
    internal override bool CanResume => true;

    internal override int WeightCopies => Candidates;

    internal override LoopFeature Start() => new Cooking(Candidates);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Candidates is not (>= 2 and <= 100)) violations.Add($"a greedy soup has {Candidates} candidates: it is from 2 to 100");
        if (!hasValidation) violations.Add("a greedy soup chooses by validation data: add ValidateOn(...)");
    }

    internal override void CollectConflicts(List<string> violations, TrainingOptions recipe)
    {
        if (!recipe.KeepBest) violations.Add("a greedy soup takes the place of the best weights: set KeepBest");
        if (recipe.Features.Any(feature => feature is WeightAverage))
            violations.Add("a greedy soup and a weight average are both means of the run's weights: choose one");
    }

    private sealed class Cooking(int most) : LoopFeature
    {
        private const string Path = "soup/";

        private readonly List<(double Value, Tensor[] Weights)> _candidates = [];
        private long _seen = -1;

        public override string StatePath => Path;

        public override void AfterEvaluation(RunParts run)
        {
            if (run.Record.LastEvaluation is not { } last || last.Step == _seen) return;
            _seen = last.Step;
            double value = last.Metrics[run.Record.Metric];
            // The best first; of equals, the earlier.
            int index = _candidates.FindIndex(candidate => run.Selection.IsBetter(value, candidate.Value));
            if (index < 0) index = _candidates.Count;
            if (index >= most) return;
            _candidates.Insert(index, (value, Training.WeightCopies.Of(run.Trained)));
            if (_candidates.Count <= most) return;
            Free(_candidates[^1].Weights);
            _candidates.RemoveAt(most);
        }

        public override void End(RunParts run)
        {
            if (_candidates.Count < 2 || run.Record.Failure is not null || run.Record.Rows.Validation is not { } validation) return;
            if (run.Record.Stop is StopReason.Cancelled or StopReason.TimeLimit)
            {
                run.Record.Warn("the greedy soup was not cooked, since the run ended before its time: the best weights stand");
                return;
            }
            (double best, Tensor[] first) = _candidates[0];
            Tensor[] mean = [.. first.Select(weight => weight.clone().DetachFromDisposeScope())];
            int parts = 1;
            MetricReport? report = null;
            foreach ((_, Tensor[] weights) in _candidates.Skip(1))
            {
                Put(run.Trained, mean, weights, parts);
                MetricReport own = Evaluator.Evaluate(run.Model, validation, CancellationToken.None)!;
                double value = own[run.Record.Metric];
                if (double.IsNaN(value) || run.Selection.IsBetter(best, value)) continue;
                (best, report, parts) = (value, own, parts + 1);
                Take(run.Trained, mean);
            }
            if (report is not null)
            {
                using (no_grad()) Put(run.Trained, mean, mean, 1);
                run.Best.Keep();
                run.Record.AddEvaluation(report, isBest: true);
            }
            run.Record.Warn($"the greedy soup has {parts} of {_candidates.Count} candidates");
            Free(mean);
        }

        public override void Export(StateWriter state)
        {
            state.Add($"{Path}seen", _seen);
            for (int i = 0; i < _candidates.Count; i++)
            {
                state.Add($"{Path}{i}/value", _candidates[i].Value);
                for (int j = 0; j < _candidates[i].Weights.Length; j++) state.Add($"{Path}{i}/{j}", _candidates[i].Weights[j]);
            }
        }

        public override void Import(RunParts run, StateReader state)
        {
            Dispose();
            _seen = (long)(state.Number($"{Path}seen") ?? -1);
            for (int i = 0; state.Number($"{Path}{i}/value") is { } value; i++)
            {
                Tensor[] weights = Training.WeightCopies.Of(run.Trained);
                for (int j = 0; j < weights.Length; j++) state.CopyTo($"{Path}{i}/{j}", weights[j]);
                _candidates.Add((value, weights));
            }
        }

        public override void Dispose()
        {
            foreach ((_, Tensor[] weights) in _candidates) Free(weights);
            _candidates.Clear();
            base.Dispose();
        }

        // The weights become (parts * mean + other) / (parts + 1).
        private static void Put(IReadOnlyList<Weight> target, Tensor[] mean, Tensor[] other, int parts)
        {
            using var scope = NewDisposeScope();
            using var none = no_grad();
            for (int i = 0; i < mean.Length; i++) target[i].Value.copy_(mean[i].add(other[i].add(mean[i], Held(-1)), Held(1.0 / (parts + 1))));
        }

        private static void Take(IReadOnlyList<Weight> source, Tensor[] mean)
        {
            using var none = no_grad();
            for (int i = 0; i < mean.Length; i++) mean[i].copy_(source[i].Value);
        }

        private static void Free(Tensor[] weights)
        {
            foreach (Tensor weight in weights) weight.Dispose();
        }
    }
}
