namespace FineTuning.Strategies;

/// <summary>A way in which errors fall with the rows: error(n) = floor + b phi(n) / phi(n1), where phi falls from the first stage's n1 on.</summary>
/// <param name="Family">Its name.</param>
/// <param name="Phi">Of the number of rows; positive and falling.</param>
internal sealed record CurveShape(string Family, Func<double, double> Phi)
{
    private static readonly double[] Powers = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.4];
    private static readonly double[] FlatPowers = [0.3, 0.5, 0.75, 1, 1.5, 2], FlatLengths = [0.5, 1, 2, 4, 8, 16, 32, 64];
    private static readonly double[] Decays = [1 / 32.0, 1 / 16.0, 1 / 11.0, 1 / 8.0, 1 / 5.6, 1 / 4.0, 1 / 2.8, 1 / 2.0, 1 / 1.4, 1, 1.4, 2];
    private static readonly double[] Slopes = [0.6, 0.8, 1, 1.25, 1.5, 2, 3], Middles = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1];

    /// <summary>
    /// All shapes that are tried: power laws n^-c, power laws behind a flat phase (1 + n / d)^-c, exponentials exp(-n / t) and logistic curves of log n,
    /// 1 / (1 + (n / m)^s) (Figueroa et al. 2012; Viering and Loog 2021, table 1).
    /// </summary>
    /// <param name="first">Rows of the first stage.</param>
    /// <param name="last">Rows of the last.</param>
    public static IReadOnlyList<CurveShape> All(double first, double last)
    {
        var shapes = new List<CurveShape>();
        foreach (double c in Powers) shapes.Add(new("power", n => Math.Pow(n / first, -c)));
        foreach (double c in FlatPowers)
        {
            foreach (double d in FlatLengths) shapes.Add(new("power behind a flat phase", n => Math.Pow((1 + (n / (d * first))) / (1 + (1 / d)), -c)));
        }
        foreach (double t in Decays) shapes.Add(new("exponential", n => Math.Exp((first - n) / (t * last))));
        foreach (double s in Slopes)
        {
            foreach (double share in Middles)
            {
                // Between the first stage and four times the last, evenly in the logarithm.
                double m = first * Math.Pow(4 * last / first, share);
                shapes.Add(new("logistic", n => (1 + Math.Pow(first / m, s)) / (1 + Math.Pow(n / m, s))));
            }
        }
        return shapes;
    }
}
