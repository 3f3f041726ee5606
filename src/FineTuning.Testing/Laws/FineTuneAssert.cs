using FineTuning.Tasks;

namespace FineTuning.Testing;

/// <summary>
/// Laws that every model, head and data set keeps, for your own in your own tests: each method looks at one law and throws a
/// <see cref="LawBrokenException"/> where it is broken. On a tiny network (<see cref="TinyCheckpoint"/>) each takes less than a second.
/// </summary>
/// <remarks>
/// For any test framework. Laws about runs load the model themselves, several times: give a function that gives a fresh, equal model each time. Where a
/// law does not fit (too few examples, dropout that makes runs incomparable), it throws an <see cref="ArgumentException"/>. Not thread-safe for one model.
/// </remarks>
public static partial class FineTuneAssert
{
    /// <summary>What the model's loss is of one example, without dropout: the sum of its rows' losses, not divided.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="example">One that the model encodes.</param>
    public static double LossOf<TExample>(TunableModel<TExample> model, TExample example)
    {
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, [example]);
        return rows.Sum(row => Rows.Loss(model, [row]).Loss);
    }

    /// <summary>The loss of each example is what the caller computes by other means: from predictions, from another model, from a formula.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="expected">The sum of the losses of an example, for example <c>e => -Math.Log(model.Predict(e.Text).Confidence)</c>.</param>
    /// <param name="tolerance">Relative, at least absolute. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">A loss is another.</exception>
    public static void LossIs<TExample>(
        TunableModel<TExample> model, IReadOnlyList<TExample> examples, Func<TExample, double> expected, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(expected);
        Runs.Require(examples, 1);
        for (int i = 0; i < examples.Count; i++)
        {
            double found = LossOf(model, examples[i]), right = expected(examples[i]);
            if (!Numbers.Agree(found, right, tolerance)) throw Broken(nameof(LossIs), Numbers.Show(right), Numbers.Show(found), $"the loss of example {i}");
        }
    }

    private static LawBrokenException Broken(string law, string expected, string found, string where) => new(law, expected, found, where);

    private static void Same(string law, WeightValues expected, WeightValues found, double tolerance, string what)
    {
        if (expected.Difference(found, tolerance) is not { } difference) return;
        throw Broken(law, $"{Numbers.Show(difference.Left)}, as without it", Numbers.Show(difference.Right), $"{what}, weight {difference.Where}");
    }
}
