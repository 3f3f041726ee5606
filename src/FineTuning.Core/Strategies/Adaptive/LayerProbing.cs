using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>Reads what layers give for some rows, in one pass for all layers, and fits a linear probe to each.</summary>
/// <param name="model">Stays as it is.</param>
/// <param name="rows">The training data.</param>
/// <param name="seed">Which rows are taken, and how they are cut into folds.</param>
internal sealed class LayerProbing(TunableModel model, RowSet rows, long seed)
{
    public const int MostRows = 1024, LeastRows = 12;
    private const int MostTargets = 2048, MostLayers = 4, RowsAtOnce = 64, Folds = 4, MostLooked = 16 * MostRows, LookedDraw = 9;
    // Probes are compared with each other, not used: they need not be fitted to the last digit.
    private const double Fit = 30, Tolerance = 1e-3;
    private const int MostIterations = 80;

    private readonly List<(int Example, int Class)> _targets = [];
    private readonly int[] _layers = LayersOf((model.SharedTrunk!.Plan.Decoder ?? model.SharedTrunk.Plan.Encoder)!.Layers.Count);
    private readonly List<float[]>[] _vectors = [.. Enumerable.Range(0, MostLayers).Select(_ => new List<float[]>())];

    /// <summary>Rows that were read.</summary>
    public int Rows { get; private set; }

    /// <summary>Why no probe can be fitted to the model. Null: it can.</summary>
    public static string? WhyNot(TunableModel model, RowSet rows) => model.SharedHead is null ? "the model is no head on a trunk"
        : model.ProbeTargets(rows.Rows[0]) is null ? "its head does not choose one of several classes" : null;

    /// <summary>Reads rows, classes spread evenly where a row has one, until there are enough.</summary>
    /// <param name="most">The most rows.</param>
    /// <param name="isOver">Asked between batches whether to stop.</param>
    /// <param name="stop">Ends it with an exception.</param>
    public void Read(int most, Func<bool> isOver, CancellationToken stop)
    {
        // Of very many rows, which may lie in a file, some are looked at.
        int[] looked = [.. Permutation.Of(rows.Rows.Count, seed, 0, LookedDraw).Take(MostLooked).Order()];
        string?[] strata = [.. looked.Select(index => model.ProbeTargets(rows.Rows[index]) is [{ Position: < 0 } only] ? $"{only.Class}" : null)];
        foreach (int[] part in NestedParts.Order(strata, seed).Take(Math.Min(most, MostRows)).Select(position => looked[position]).Chunk(RowsAtOnce))
        {
            if (_targets.Count >= MostTargets || (Rows > 0 && isOver())) return;
            EncodedRow[] own = [.. part.Select(index => rows.Rows[index])];
            float[][][] read = PredictionBatches.Run(model.Weights, own, Vectors, stop);
            for (int i = 0; i < own.Length; i++)
            {
                IReadOnlyList<ProbeTarget> targets = model.ProbeTargets(own[i])!;
                _targets.AddRange(targets.Select(target => (own[i].Index, target.Class)));
                for (int layer = 0; layer < _layers.Length; layer++) _vectors[layer].AddRange(read[i].Skip(layer * targets.Count).Take(targets.Count));
            }
            Rows += own.Length;
        }
    }

    /// <summary>Fits the probes.</summary>
    /// <param name="known">What is known so far.</param>
    /// <param name="stop">Ends it with an exception.</param>
    /// <returns>With what the probes say; as it was where there is one class only.</returns>
    public AdaptiveMeasurements Fitted(AdaptiveMeasurements known, CancellationToken stop)
    {
        int[] present = [.. _targets.Select(target => target.Class).Distinct().Order()];
        if (present.Length < 2) return known with { LeftOut = [.. known.LeftOut, "probes were left out: the rows that were read have one class only"] };
        int[] labels = [.. _targets.Select(target => Array.BinarySearch(present, target.Class))];
        int[] folds = SearchFolds.Of(labels.Length, Folds, i => labels[i], i => _targets[i].Example, seed);
        // An encoder-decoder's layers below are its encoder's.
        int below = model.Weights.HeadDepth - 1 - _layers[^1];
        var probes = new List<LayerProbe>();
        (double[][] Probabilities, double[] Bits, double LabelBits)? best = null;
        for (int layer = _layers.Length - 1; layer >= 0; layer--)
        {
            float[][] vectors = Centred(_vectors[layer]);
            double[][] probabilities = ProbeProbabilities.Calibrated(OutOfFold(vectors, labels, present.Length, folds, stop), labels);
            (double[] bits, double labelBits) = ProbeProbabilities.Information(probabilities, labels);
            double right = labels.Where((label, i) => Array.IndexOf(probabilities[i], probabilities[i].Max()) == label).Count();
            probes.Add(new(below + _layers[layer], right / labels.Length, bits.Average()));
            // Of equals the highest.
            if (best is null || bits.Average() > best.Value.Bits.Average()) best = (probabilities, bits, labelBits);
        }
        bool[] suspects = ProbeProbabilities.Suspects(best!.Value.Probabilities, labels);
        return known with
        {
            ProbedRows = Rows, Classes = present.Length, Probes = [.. probes.OrderBy(probe => probe.Layer)], LabelBits = best.Value.LabelBits,
            UsableBits = best.Value.Bits.Average(), LabelNoise = suspects.Count(suspect => suspect) / (double)labels.Length,
            Examples =
            [
                .. _targets.Select((target, i) => (target.Example, Bits: best.Value.Bits[i], Suspect: suspects[i])).GroupBy(target => target.Example)
                    .Select(own => new ExampleInformation(own.Key, own.Average(target => target.Bits), own.Any(target => target.Suspect)))
                    .OrderBy(example => example.Bits).ThenBy(example => example.Index),
            ],
        };
    }

    /// <summary>Which layers are probed: the highest, and some at even distances below; 0 stands for the embeddings.</summary>
    internal static int[] LayersOf(int layers) =>
        [.. Enumerable.Range(0, MostLayers).Select(i => (int)Math.Round(layers * i / (MostLayers - 1.0), MidpointRounding.AwayFromZero)).Distinct()];

    // Each row's vectors: those of the first layer's targets, then the next layer's.
    private float[][][] Vectors(EncodedRow[] batch, int length)
    {
        var tokens = (TokenizedBatch)model.Collate(batch, length);
        IReadOnlyList<Tensor> states = LayerStates.Of(model.SharedHead!, tokens.Input, ForwardContext.Evaluation());
        float[][] layers = [.. _layers.Select(layer => Outputs.Read(states[layer]))];
        return [.. batch.Select((row, i) =>
        {
            IReadOnlyList<ProbeTarget> targets = model.ProbeTargets(row)!;
            return layers.SelectMany((values, layer) => targets.Select(target =>
            {
                int width = (int)states[^1].shape[^1], start = target.Position < 0 ? i * width : ((i * (int)states[^1].shape[1]) + target.Position) * width;
                return values[start..(start + width)];
            })).ToArray();
        })];
    }

    private static float[][] OutOfFold(float[][] vectors, int[] labels, int classes, int[] folds, CancellationToken stop)
    {
        var logits = new float[labels.Length][];
        foreach (int fold in folds.Distinct())
        {
            stop.ThrowIfCancellationRequested();
            int[] fitted = [.. Enumerable.Range(0, labels.Length).Where(i => folds[i] != fold)];
            int[] seen = [.. fitted.Select(i => labels[i]).Distinct().Order()];
            LogisticRegression? head = seen.Length < 2 ? null : LogisticRegression.Fit([.. fitted.Select(i => vectors[i])],
                [.. fitted.Select(i => Array.BinarySearch(seen, labels[i]))], seen.Length, Fit, Tolerance, MostIterations);
            for (int i = 0; i < labels.Length; i++)
            {
                if (folds[i] != fold) continue;
                logits[i] = [.. Enumerable.Repeat(float.NegativeInfinity, classes)];
                float[] own = head?.Logits(vectors[i]) ?? new float[seen.Length];
                for (int j = 0; j < seen.Length; j++) logits[i][seen[j]] = own[j];
            }
        }
        return logits;
    }

    // Around their mean and of length 1 in the mean square, so that one strength of the penalty suits all layers.
    private static float[][] Centred(List<float[]> vectors)
    {
        int width = vectors[0].Length;
        double[] mean = [.. Enumerable.Range(0, width).Select(i => vectors.Average(vector => (double)vector[i]))];
        double square = vectors.Average(vector => vector.Select((value, i) => (value - mean[i]) * (value - mean[i])).Sum());
        double scale = square > 0 ? 1 / Math.Sqrt(square) : 0;
        return [.. vectors.Select(vector => vector.Select((value, i) => (float)((value - mean[i]) * scale)).ToArray())];
    }
}
