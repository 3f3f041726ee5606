namespace FineTuning.Strategies;

/// <summary>The standard deviation of one measured error.</summary>
/// <param name="rows">Training rows.</param>
/// <param name="error">The error, 0 or more.</param>
/// <param name="noise">How many times as far as is usual runs differ from each other.</param>
internal delegate double ErrorDeviation(double rows, double error, double noise);

/// <summary>
/// The error at more rows than there are: all shapes are fitted with weights to what was measured, and each counts by how well it explains that (Bayesian
/// linear regression of floor and height for each shape, the shapes weighed by their evidence).
/// </summary>
/// <remarks>
/// How far runs on the same number of rows differ is not known either, and on some data it is many times what it is on others. So each shape is fitted with
/// several noises, which count alike before anything is known: errors that no curve explains make the interval wide, and the curve need not go through them.
/// </remarks>
internal sealed class ErrorForecast
{
    // Of the error that was reached, the share that more data would leave, and how sure that is: by the curves of heads on frozen vectors over three sets.
    private const double FloorShare = 0.35, FloorDeviation = 0.3;

    private static readonly double[] Noises = [1, 2, 4, 8];

    private readonly Fit[] _fits;
    private readonly ErrorDeviation _deviation;

    private ErrorForecast(Fit[] fits, ErrorDeviation deviation) => (_fits, _deviation) = (fits, deviation);

    /// <summary>Fits all shapes.</summary>
    /// <param name="measured">Two or more, with rising rows.</param>
    /// <param name="deviation">Of a single measurement; measured errors are weighed by it, and a later one is expected to have it.</param>
    public static ErrorForecast Of(IReadOnlyList<(double Rows, double Error)> measured, ErrorDeviation deviation)
    {
        double first = measured[0].Rows, last = measured[^1].Rows, start = Math.Max(1e-6, measured[0].Error), end = Math.Max(1e-6, measured[^1].Error);
        // A floor below what was reached, of which little is known; the height is what was seen at the first stage above it.
        double floor = FloorShare * end;
        var prior = new Prior(floor, FloorDeviation * end, Math.Max(start - floor, 0.1 * start), (0.5 * start) + (0.2 * end));
        Fit[] fits = [.. CurveShape.All(first, last).SelectMany(shape => Noises.Select(noise => Fit.Of(shape, noise, measured, deviation, prior)))];
        Dictionary<string, int> sizes = fits.CountBy(fit => fit.Shape.Family).ToDictionary();
        double best = fits.Max(fit => fit.LogEvidence);
        // Families count alike before anything is known, however many shapes they have.
        double[] weights = [.. fits.Select(fit => Math.Exp(fit.LogEvidence - best) / sizes[fit.Shape.Family])];
        double sum = weights.Sum();
        return new([.. fits.Zip(weights, (fit, weight) => fit with { Weight = weight / sum })], deviation);
    }

    /// <summary>How much each family counts; they sum to 1.</summary>
    public IReadOnlyDictionary<string, double> Families => _fits
        .GroupBy(fit => fit.Shape.Family).ToDictionary(group => group.Key, group => group.Sum(fit => fit.Weight));

    /// <summary>The error at a number of rows, below which a measurement lies with some probability.</summary>
    /// <param name="rows">Training rows.</param>
    /// <param name="probability">Above 0 and below 1.</param>
    public double Quantile(double rows, double probability)
    {
        (double Mean, double Deviation, double Weight)[] parts = [.. _fits.Select(fit => fit.At(rows, _deviation))];
        double low = parts.Min(part => part.Mean - (8 * part.Deviation)), high = parts.Max(part => part.Mean + (8 * part.Deviation));
        for (int i = 0; i < 60; i++)
        {
            double middle = (low + high) / 2, below = parts.Sum(part => part.Weight * NormalDistribution((middle - part.Mean) / part.Deviation));
            (low, high) = below < probability ? (middle, high) : (low, middle);
        }
        return Math.Max(0, (low + high) / 2);
    }

    /// <summary>The standard normal distribution, by Abramowitz and Stegun's formula 26.2.17; wrong by less than 1e-7.</summary>
    internal static double NormalDistribution(double x)
    {
        double t = 1 / (1 + (0.2316419 * Math.Abs(x)));
        double tail = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI)
            * t * (0.319381530 + (t * (-0.356563782 + (t * (1.781477937 + (t * (-1.821255978 + (t * 1.330274429))))))));
        return x >= 0 ? 1 - tail : tail;
    }

    /// <summary>What floor and height are thought to be before anything is fitted: normal, apart from each other.</summary>
    private readonly record struct Prior(double Floor, double FloorDeviation, double Height, double HeightDeviation);

    /// <summary>A fitted shape: mean and covariance of floor and height.</summary>
    private sealed record Fit(
        CurveShape Shape, double Noise, double Floor, double Height, double FloorVariance, double HeightVariance, double Covariance, double LogEvidence)
    {
        public double Weight { get; init; }

        public static Fit Of(
            CurveShape shape, double noise, IReadOnlyList<(double Rows, double Error)> measured, ErrorDeviation deviation, Prior prior)
        {
            // Posterior precision A = S0^-1 + X' R^-1 X and r = X' R^-1 (y - X m0), with two unknowns.
            double a = 1 / Square(prior.FloorDeviation), b = 0, d = 1 / Square(prior.HeightDeviation), r0 = 0, r1 = 0, fit = 0, logs = 0;
            double before = (2 * Math.Log(prior.FloorDeviation)) + (2 * Math.Log(prior.HeightDeviation));
            foreach ((double rows, double error) in measured)
            {
                double phi = shape.Phi(rows), precision = 1 / Square(deviation(rows, error, noise)), rest = error - prior.Floor - (prior.Height * phi);
                a += precision;
                b += precision * phi;
                d += precision * phi * phi;
                r0 += precision * rest;
                r1 += precision * phi * rest;
                fit += precision * rest * rest;
                logs += Math.Log(precision);
            }
            double determinant = (a * d) - (b * b), va = d / determinant, vb = -b / determinant, vd = a / determinant;
            double m0 = (va * r0) + (vb * r1), m1 = (vb * r0) + (vd * r1);
            double evidence = 0.5 * (logs - before - Math.Log(determinant) - fit + (r0 * m0) + (r1 * m1));
            return new(shape, noise, prior.Floor + m0, prior.Height + m1, va, vd, vb, evidence);
        }

        public (double Mean, double Deviation, double Weight) At(double rows, ErrorDeviation deviation)
        {
            double phi = Shape.Phi(rows), mean = Floor + (Height * phi);
            double variance = FloorVariance + (2 * phi * Covariance) + (phi * phi * HeightVariance);
            return (mean, Math.Sqrt(Math.Max(0, variance) + Square(deviation(rows, Math.Max(0, mean), Noise))), Weight);
        }

        private static double Square(double value) => value * value;
    }
}
