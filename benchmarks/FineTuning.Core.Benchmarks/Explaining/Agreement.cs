using System.Globalization;
using FineTuning.Heads;

namespace FineTuning.Benchmarks.Explaining;

/// <summary>How well the values of words agree with what deleting them does, and with a list of words.</summary>
internal sealed class Agreement
{
    private readonly List<(double Value, double Effect)> _words = [];
    private int _same, _strongest, _texts, _listed, _right;
    private double _passes;

    /// <param name="values">The words' values.</param>
    /// <param name="deleted">The words with the effects of their deletion.</param>
    /// <param name="passes">What the explanation cost.</param>
    public void AddDeleted(double[] values, IReadOnlyList<WordAttribution> deleted, double passes)
    {
        (double Value, double Effect)[] pairs = [.. values.Zip(deleted, (value, word) => (value, word.Value))];
        _words.AddRange(pairs);
        _same += pairs.Count(pair => Math.Sign(pair.Value) == Math.Sign(pair.Effect));
        if (pairs.MaxBy(pair => Math.Abs(pair.Value)) == pairs.MaxBy(pair => Math.Abs(pair.Effect))) _strongest++;
        _texts++;
        _passes += passes;
    }

    /// <param name="values">The words' values.</param>
    /// <param name="words">The words.</param>
    /// <param name="direction">1: the explained label praises; -1: it blames.</param>
    public void AddListed(double[] values, IReadOnlyList<WordAttribution> words, int direction)
    {
        for (int i = 0; i < values.Length; i++)
        {
            int listed = SentimentWords.Direction(words[i].Word);
            if (listed == 0) continue;
            _listed++;
            if (Math.Sign(values[i]) == listed * direction) _right++;
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(double)_same / _words.Count,6:P1}   {Correlation(),11:0.000}   {(double)_strongest / _texts,14:P1}   {(double)_right / Math.Max(1, _listed),6:P1}   {_passes / _words.Count,13:0.0}");

    private double Correlation()
    {
        double x = _words.Average(pair => pair.Value), y = _words.Average(pair => pair.Effect);
        double xy = _words.Sum(pair => (pair.Value - x) * (pair.Effect - y)), xx = _words.Sum(pair => (pair.Value - x) * (pair.Value - x)), yy = _words.Sum(pair => (pair.Effect - y) * (pair.Effect - y));
        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }
}
