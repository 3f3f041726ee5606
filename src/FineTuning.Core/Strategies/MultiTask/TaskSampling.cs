namespace FineTuning.Strategies;

/// <summary>Which share of a run's batches each task gets.</summary>
/// <remarks>Immutable. Shares are turned into whole batches by their largest remainders; each task gets at least one batch an epoch.</remarks>
public abstract record TaskSampling
{
    private protected TaskSampling()
    {
    }

    /// <summary>As many batches as each task's rows make: every row once an epoch. The default.</summary>
    public static TaskSampling Proportional { get; } = new TemperatureSampling(1);

    /// <summary>The same number of batches for each task.</summary>
    public static TaskSampling Equal { get; } = new TemperatureSampling(double.PositiveInfinity);

    /// <summary>p of min(n, cap)^(1 / temperature) (Raffel et al. 2020, section 3.5.2): the higher, the more equal.</summary>
    /// <param name="temperature">1 or more; 1 is proportional.</param>
    /// <param name="cap">Rows beyond it do not count. Default: all do.</param>
    public static TaskSampling Temperature(double temperature, int cap = int.MaxValue) => new TemperatureSampling(temperature, cap);

    /// <summary>
    /// p of n^a with a = 1 - 0.8 (e - 1) / (E - 1) in epoch e of E (Stickland and Murray 2019, section 3.2): proportional first, nearly equal last.
    /// </summary>
    public static TaskSampling Annealed { get; } = new AnnealedSampling();

    /// <summary>The exponent of the numbers of rows in an epoch, and how many rows count.</summary>
    internal abstract (double Exponent, int Cap) In(long epoch, long epochs);

    internal abstract void CollectViolations(List<string> violations);

    /// <summary>The tasks' shares in an epoch; they sum to 1.</summary>
    internal double[] Shares(IReadOnlyList<int> rows, long epoch, long epochs)
    {
        (double exponent, int cap) = In(epoch, epochs);
        double[] sizes = [.. rows.Select(count => Math.Pow(Math.Min(count, cap), exponent))];
        double sum = sizes.Sum();
        return [.. sizes.Select(size => size / sum)];
    }
}

/// <summary>See <see cref="TaskSampling.Temperature"/>.</summary>
/// <param name="Power">The temperature.</param>
/// <param name="Cap">Rows beyond it do not count.</param>
internal sealed record TemperatureSampling(double Power, int Cap = int.MaxValue) : TaskSampling
{
    internal override (double Exponent, int Cap) In(long epoch, long epochs) => (1 / Power, Cap);

    internal override void CollectViolations(List<string> violations)
    {
        if (Power is not >= 1) violations.Add($"the temperature of the tasks' sampling is {Power}: it is 1 or more");
        if (Cap < 1) violations.Add($"the cap of the tasks' sampling is {Cap} rows: it is 1 or more");
    }
}

/// <summary>See <see cref="TaskSampling.Annealed"/>.</summary>
internal sealed record AnnealedSampling : TaskSampling
{
    private const double Fall = 0.8;

    internal override (double Exponent, int Cap) In(long epoch, long epochs) =>
        (1 - (Fall * Math.Min(epoch, epochs - 1) / Math.Max(1, epochs - 1)), int.MaxValue);

    internal override void CollectViolations(List<string> violations)
    {
        // It has no settings.
    }
}
