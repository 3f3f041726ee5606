namespace FineTuning.Strategies;

/// <summary>From scores of probes on rows that they were not fitted to, to probabilities, usable information and labels that look wrong.</summary>
internal static class ProbeProbabilities
{
    // A label that no probe of a fold has seen is not impossible.
    private const double Even = 0.02;

    /// <summary>Probabilities of each target, with one temperature that makes the labels most likely (Guo et al. 2017, section 4.2).</summary>
    /// <param name="logits">By target and class; negative infinity for a class that the probe has not seen.</param>
    /// <param name="labels">The class of each target.</param>
    public static double[][] Calibrated(IReadOnlyList<float[]> logits, IReadOnlyList<int> labels)
    {
        // The loss falls and then rises with the temperature: golden sections of its logarithm.
        double low = Math.Log(0.05), high = Math.Log(100), ratio = (Math.Sqrt(5) - 1) / 2;
        double Loss(double log) => logits.Select((row, i) => -Math.Log(At(row, Math.Exp(log))[labels[i]])).Sum();
        double first = high - (ratio * (high - low)), second = low + (ratio * (high - low)), firstLoss = Loss(first), secondLoss = Loss(second);
        for (int i = 0; i < 30; i++)
        {
            if (firstLoss < secondLoss)
            {
                (high, second, secondLoss) = (second, first, firstLoss);
                first = high - (ratio * (high - low));
                firstLoss = Loss(first);
            }
            else
            {
                (low, first, firstLoss) = (first, second, secondLoss);
                second = low + (ratio * (high - low));
                secondLoss = Loss(second);
            }
        }
        double temperature = Math.Exp((low + high) / 2);
        return [.. logits.Select(row => At(row, temperature))];
    }

    /// <summary>Pointwise V-information in bits: log2 of a label's probability less log2 of its frequency (Ethayarajh et al. 2022, equation 4).</summary>
    /// <param name="probabilities">By target and class.</param>
    /// <param name="labels">The class of each target.</param>
    /// <returns>By target; and the mean of minus log2 of the frequencies.</returns>
    public static (double[] Bits, double LabelBits) Information(double[][] probabilities, IReadOnlyList<int> labels)
    {
        int classes = probabilities[0].Length;
        var counts = new double[classes];
        foreach (int label in labels) counts[label]++;
        double Frequency(int label) => (counts[label] + 0.5) / (labels.Count + (0.5 * classes));
        double[] bits = [.. labels.Select((label, i) => Math.Log2(probabilities[i][label]) - Math.Log2(Frequency(label)))];
        return (bits, labels.Average(label => -Math.Log2(Frequency(label))));
    }

    /// <summary>
    /// Which labels look wrong: another class is more likely than it usually is where it is the label, and the most likely of such classes (the off-diagonal of
    /// the confident joint; Northcutt et al. 2021, equation 1).
    /// </summary>
    /// <param name="probabilities">By target and class.</param>
    /// <param name="labels">The class of each target.</param>
    public static bool[] Suspects(double[][] probabilities, IReadOnlyList<int> labels)
    {
        int classes = probabilities[0].Length;
        double[] sums = new double[classes], counts = new double[classes];
        for (int i = 0; i < labels.Count; i++)
        {
            sums[labels[i]] += probabilities[i][labels[i]];
            counts[labels[i]]++;
        }
        return [.. labels.Select((label, i) =>
        {
            int best = -1;
            for (int other = 0; other < classes; other++)
            {
                if (counts[other] == 0 || probabilities[i][other] < sums[other] / counts[other]) continue;
                if (best < 0 || probabilities[i][other] > probabilities[i][best]) best = other;
            }
            return best >= 0 && best != label;
        })];
    }

    private static double[] At(float[] logits, double temperature)
    {
        double largest = logits.Max(), sum = 0;
        var values = new double[logits.Length];
        for (int i = 0; i < values.Length; i++) sum += values[i] = Math.Exp((logits[i] - largest) / temperature);
        for (int i = 0; i < values.Length; i++) values[i] = ((1 - Even) * values[i] / sum) + (Even / values.Length);
        return values;
    }
}
