using FineTuning.Tasks;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>
    /// Padding changes nothing: a row costs alone what it costs padded, and a batch of rows costs the sum of them, where losses add up
    /// (<see cref="TunableModel.LossAddsOverRows"/>).
    /// </summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">Of different lengths.</param>
    /// <param name="tolerance">Relative to the loss, at least absolute. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">A loss depends on padding, or on the other rows of a batch.</exception>
    /// <exception cref="ArgumentException">All rows have one length: nothing would be padded.</exception>
    public static void PaddingInvariant<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        int longest = rows.Max(row => row.Length);
        if (rows.All(row => row.Length == longest))
            throw new ArgumentException("all rows have one length: give examples of different lengths", nameof(examples));
        double sum = 0;
        foreach (EncodedRow row in rows)
        {
            double alone = Rows.Loss(model, [row]).Loss, padded = Rows.Loss(model, [row], longest).Loss;
            sum += alone;
            if (!Numbers.Agree(alone, padded, tolerance))
            {
                throw Broken(nameof(PaddingInvariant), $"{Numbers.Show(alone)}, the loss without padding", Numbers.Show(padded),
                    $"row {row.Index} of {row.Length} tokens, padded to {longest}");
            }
        }
        double together = Rows.Loss(model, rows).Loss;
        if (model.LossAddsOverRows && !Numbers.Agree(sum, together, tolerance))
            throw Broken(nameof(PaddingInvariant), $"{Numbers.Show(sum)}, the sum of the rows' losses", Numbers.Show(together),
                $"a batch of {rows.Count} rows");
    }

    /// <summary>What a batch's loss is divided by is the sum of what its rows say (<see cref="EncodedRow.TargetCount"/>).</summary>
    /// <remarks>Not for a model that draws its targets for each batch: its rows tell what is expected on average.</remarks>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">One or more.</param>
    /// <exception cref="LawBrokenException">The two differ.</exception>
    public static void TargetsAddUp<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples)
    {
        IReadOnlyList<EncodedRow> rows = Rows.Of(model, examples);
        foreach (IReadOnlyList<EncodedRow> some in rows.Select(row => new[] { row }).Append([.. rows]))
        {
            double expected = some.Sum(row => row.TargetCount), found = Rows.Loss(model, some).Targets;
            if (!Numbers.Agree(expected, found, 1e-6))
                throw Broken(nameof(TargetsAddUp), $"{Numbers.Show(expected)} targets", Numbers.Show(found),
                    $"a batch of {some.Count} rows from row {some[0].Index} on");
        }
    }

    /// <summary>A weight of 2 is as good as the example twice: the loss and what it is divided by are both doubled.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="examples">One or more, of weight 1.</param>
    /// <param name="weighted">The example with another weight, for example <c>(e, weight) => e with { Weight = weight }</c>.</param>
    /// <param name="tolerance">Relative. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">A weight is ignored, or counts otherwise.</exception>
    public static void WeightMeansRepetition<TExample>(
        TunableModel<TExample> model, IReadOnlyList<TExample> examples, Func<TExample, double, TExample> weighted, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(weighted);
        Runs.Require(examples, 1);
        for (int i = 0; i < examples.Count; i++)
        {
            (double loss, double targets) = Rows.Loss(model, Rows.Of(model, [examples[i]]));
            (double heavy, double count) = Rows.Loss(model, Rows.Of(model, [weighted(examples[i], 2)]));
            if (!Numbers.Agree(2 * loss, heavy, tolerance))
                throw Broken(nameof(WeightMeansRepetition), $"a loss of {Numbers.Show(2 * loss)}", Numbers.Show(heavy), $"example {i} with weight 2");
            if (!Numbers.Agree(2 * targets, count, 1e-6))
                throw Broken(nameof(WeightMeansRepetition), $"{Numbers.Show(2 * targets)} targets", Numbers.Show(count), $"example {i} with weight 2");
        }
    }

    /// <summary>What is cut off a text that is too long is counted in the report.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="tooLong">An example of which tokens are cut.</param>
    /// <exception cref="LawBrokenException">Nothing was counted.</exception>
    public static void CountsWhatItCuts<TExample>(TunableModel<TExample> model, TExample tooLong)
    {
        ArgumentNullException.ThrowIfNull(model);
        var report = new EncodingReport();
        EncodedRow? row = model.Encode(tooLong, report);
        EncodingSummary found = report.Summary();
        if (found.TruncatedExamples == 0 || found.TruncatedTokens == 0)
            throw Broken(nameof(CountsWhatItCuts), "at least one truncated token in the report", "none", $"a row of {row?.Length ?? 0} tokens");
    }
}
