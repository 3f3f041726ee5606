using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// What the machine's own matrix multiplication takes for the linear layers of a step and nothing else: x W^T, dy W and dy^T x of every layer of the trunk,
/// each alone with torch.mm, best of seven, x [real tokens, in]; of a frozen trunk x W^T alone.
/// </summary>
internal static class MatrixFloor
{
    private const int Repetitions = 7;

    public static double Seconds(int tokens, int layers, int hidden, int intermediate, bool forwardOnly = false)
    {
        (int In, int Out, int Count)[] shapes = [(hidden, hidden, 4), (hidden, intermediate, 1), (intermediate, hidden, 1)];
        return layers * shapes.Sum(shape => shape.Count * (Time(tokens, shape.In, shape.Out) + (forwardOnly ? 0 : Time(tokens, shape.Out, shape.In) + Time(shape.Out, tokens, shape.In))));
    }

    private static double Time(int rows, int inner, int columns)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor left = randn(rows, inner), right = randn(inner, columns);
        double best = double.PositiveInfinity;
        for (int i = 0; i < Repetitions; i++)
        {
            long started = Stopwatch.GetTimestamp();
            left.mm(right).Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return best;
    }
}
