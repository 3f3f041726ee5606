using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>Multinomial logistic regression (one vector for two classes), fitted in float64 to the optimum: no seed, the same result each time.</summary>
/// <remarks>Minimizes C sum(log loss) + 1/2 |w|^2, the biases free, by L-BFGS (Nocedal and Wright 2006, algorithm 7.4) with backtracking.</remarks>
internal sealed class LogisticRegression
{
    private const int History = 10;
    private const int MostIterations = 2000;
    private const double Tolerance = 1e-7;

    private LogisticRegression(double[] parameters, int dimension, int classes) => (Parameters, Dimension, Classes) = (parameters, dimension, classes);

    /// <summary>Each output's weights and its bias, one output after the other.</summary>
    public double[] Parameters { get; }

    /// <summary>Numbers a vector.</summary>
    public int Dimension { get; }

    /// <summary>Two or more.</summary>
    public int Classes { get; }

    /// <summary>Steps of the fit, its loss and the largest component of its gradient; zeros for a head that was loaded.</summary>
    public (int Iterations, double Loss, double Gradient) Report { get; private init; }

    /// <summary>A head from its parameters.</summary>
    public static LogisticRegression Of(double[] parameters, int dimension, int classes) =>
        parameters.Length == OutputsOf(classes) * (dimension + 1) ? new(parameters, dimension, classes)
            : throw new ArgumentException($"{parameters.Length} parameters for {dimension} numbers and {classes} classes");

    /// <param name="vectors">All of one length.</param>
    /// <param name="labels">The class of each, from 0.</param>
    /// <param name="classes">How many classes there are, two or more.</param>
    /// <param name="fit">C.</param>
    /// <param name="tolerance">The largest component of the gradient at the end, times the larger of 1 and C times the rows.</param>
    /// <param name="mostIterations">After so many steps the fit ends.</param>
    public static LogisticRegression Fit(
        IReadOnlyList<float[]> vectors, IReadOnlyList<int> labels, int classes, double fit, double tolerance = Tolerance, int mostIterations = MostIterations)
    {
        using var scope = NewDisposeScope();
        int dimension = vectors[0].Length, outputs = OutputsOf(classes);
        var values = new double[(long)vectors.Count * (dimension + 1)];
        for (int row = 0; row < vectors.Count; row++)
        {
            for (int i = 0; i < dimension; i++) values[((long)row * (dimension + 1)) + i] = vectors[row][i];
            values[((long)row * (dimension + 1)) + dimension] = 1;
        }
        // Tensors of arrays lie where the arrays do, and where those lie changes the order in which products are summed:
        // copies are aligned, so that the same numbers give the same head.
        Tensor inputs = tensor(values, [vectors.Count, dimension + 1]).clone(), targets = tensor(labels.Select(label => (long)label).ToArray());
        Tensor penalized = ones([outputs, dimension + 1], ScalarType.Float64);
        penalized.narrow(1, dimension, 1).zero_();
        (double[] parameters, int iterations, double loss, double gradient) = Minimize(
            outputs * (dimension + 1), tolerance * Math.Max(1, fit * vectors.Count), mostIterations, point =>
        {
            using var inner = NewDisposeScope();
            Tensor weights = tensor(point, [outputs, dimension + 1]).clone().requires_grad_(true);
            Tensor cost = nn.functional.cross_entropy(Scores(inputs, weights), targets, reduction: nn.Reduction.Sum).mul(Held(fit))
                .Plus((weights.Squared() * penalized).sum() / Held(2));
            cost.backward();
            return (cost.item<double>(), weights.grad!.data<double>().ToArray());
        });
        return new(parameters, dimension, classes) { Report = (iterations, loss, gradient) };
    }

    /// <summary>The classes' scores before softmax.</summary>
    public float[] Logits(ReadOnlySpan<float> vector)
    {
        if (vector.Length != Dimension) throw new ArgumentException($"a vector of {vector.Length} numbers; {Dimension} were expected", nameof(vector));
        var logits = new float[Classes];
        int outputs = OutputsOf(Classes);
        for (int output = 0; output < outputs; output++)
        {
            ReadOnlySpan<double> own = Parameters.AsSpan(output * (Dimension + 1), Dimension + 1);
            double sum = own[Dimension];
            for (int i = 0; i < vector.Length; i++) sum += own[i] * vector[i];
            logits[Classes == 2 ? 1 : output] = (float)sum;
        }
        return logits;
    }

    private static int OutputsOf(int classes) => classes == 2 ? 1 : classes;

    // With two classes the score of the first is 0.
    private static Tensor Scores(Tensor inputs, Tensor weights)
    {
        Tensor scores = inputs.mm(weights.t());
        return weights.shape[0] == 1 ? cat([zeros_like(scores), scores], 1) : scores;
    }

    private static (double[] Point, int Iterations, double Value, double Gradient) Minimize(
        int count, double tolerance, int mostIterations, Func<double[], (double, double[])> function)
    {
        var point = new double[count];
        (double value, double[] gradient) = function(point);
        var pairs = new LinkedList<(double[] Step, double[] Change, double Product)>();
        int iteration = 0;
        while (iteration < mostIterations && gradient.Max(Math.Abs) > tolerance)
        {
            double[] direction = Direction(gradient, pairs);
            double slope = Dot(direction, gradient), length = pairs.Count == 0 ? Math.Min(1, 1 / gradient.Sum(Math.Abs)) : 1;
            (double[] next, double nextValue, double[] nextGradient) = (point, value, gradient);
            for (int halving = 0; halving < 60; halving++, length /= 2)
            {
                next = [.. point.Zip(direction, (at, step) => at + (length * step))];
                (nextValue, nextGradient) = function(next);
                if (nextValue <= value + (1e-4 * length * slope)) break;
            }
            // No length helps any more: the value is flat to rounding.
            if (!(nextValue < value)) break;
            double[] taken = [.. next.Zip(point, (to, from) => to - from)], change = [.. nextGradient.Zip(gradient, (to, from) => to - from)];
            double product = Dot(taken, change);
            if (product > 1e-12 * Dot(change, change)) pairs.AddLast((taken, change, product));
            if (pairs.Count > History) pairs.RemoveFirst();
            (point, value, gradient) = (next, nextValue, nextGradient);
            iteration++;
        }
        return (point, iteration, value, gradient.Max(Math.Abs));
    }

    // The two loops of algorithm 7.4: minus the inverse Hessian of the remembered steps times the gradient.
    private static double[] Direction(double[] gradient, LinkedList<(double[] Step, double[] Change, double Product)> pairs)
    {
        double[] direction = [.. gradient.Select(value => -value)];
        var shares = new Stack<double>();
        for (var node = pairs.Last; node is not null; node = node.Previous)
        {
            double share = Dot(node.Value.Step, direction) / node.Value.Product;
            shares.Push(share);
            Add(direction, -share, node.Value.Change);
        }
        if (pairs.Last is { } last)
        {
            double scale = last.Value.Product / Dot(last.Value.Change, last.Value.Change);
            for (int i = 0; i < direction.Length; i++) direction[i] *= scale;
        }
        foreach ((double[] step, double[] change, double product) in pairs) Add(direction, shares.Pop() - (Dot(change, direction) / product), step);
        return direction;
    }

    private static void Add(double[] to, double factor, double[] what)
    {
        for (int i = 0; i < to.Length; i++) to[i] += factor * what[i];
    }

    private static double Dot(double[] one, double[] other)
    {
        double sum = 0;
        for (int i = 0; i < one.Length; i++) sum += one[i] * other[i];
        return sum;
    }
}
