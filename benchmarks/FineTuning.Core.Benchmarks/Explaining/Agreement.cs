using System.Globalization;
using FineTuning.Heads;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>How well the values of words agree with what deleting them does, and with a list of words.</summary>
internal sealed class Agreement
{
    private readonly List<(double Value, double Effect)> _words = [];
    private readonly List<double> _correlations = [];
    private int _same, _strongest, _texts, _listed, _right;
    private double _passes;

    /// <param name="explained">The words with their values.</param>
    /// <param name="deleted">The same words with the effects of their deletion.</param>
    /// <param name="direction">1: the explained label praises; -1: it blames.</param>
    /// <param name="passes">What the explanation cost.</param>
    public void Add(IReadOnlyList<WordAttribution> explained, IReadOnlyList<WordAttribution> deleted, int direction, double passes)
    {
        (double Value, double Effect)[] pairs = [.. explained.Zip(deleted, (one, other) => (one.Value, other.Value))];
        _words.AddRange(pairs);
        _same += pairs.Count(pair => Math.Sign(pair.Value) == Math.Sign(pair.Effect));
        if (pairs.Length > 2) _correlations.Add(Correlation(pairs));
        if (pairs.MaxBy(pair => Math.Abs(pair.Value)) == pairs.MaxBy(pair => Math.Abs(pair.Effect))) _strongest++;
        _texts++;
        _passes += passes;
        foreach (WordAttribution word in explained)
        {
            int listed = SentimentWords.Direction(word.Word);
            if (listed == 0) continue;
            _listed++;
            if (Math.Sign(word.Value) == listed * direction) _right++;
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(double)_same / _words.Count,6:P1}   {Correlation(_words),11:0.000}   {_correlations.Average(),15:0.000}   {(double)_strongest / _texts,14:P1}   {(double)_right / Math.Max(1, _listed),5:P1}   {_passes / _words.Count,13:0.0}");

    private static double Correlation(IReadOnlyList<(double Value, double Effect)> pairs)
    {
        double x = pairs.Average(pair => pair.Value), y = pairs.Average(pair => pair.Effect);
        double xy = pairs.Sum(pair => (pair.Value - x) * (pair.Effect - y)), xx = pairs.Sum(pair => (pair.Value - x) * (pair.Value - x)), yy = pairs.Sum(pair => (pair.Effect - y) * (pair.Effect - y));
        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }
}
