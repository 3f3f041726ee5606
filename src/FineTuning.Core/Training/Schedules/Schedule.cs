namespace FineTuning.Training;

/// <summary>How the learning rate changes over a run: a pure function of the step, which can be tested, drawn and resumed.</summary>
/// <remarks>Immutable and thread-safe. Formulas are those of Hugging Face's library and PyTorch, but for the first step
/// (see <see cref="ZeroFirstStep"/>).</remarks>
public abstract record Schedule
{
    private protected Schedule(Warmup warmup) => Warmup = warmup;

    /// <summary>How long the rate climbs before the schedule proper begins.</summary>
    public Warmup Warmup { get; init; }

    /// <summary>
    /// Whether warm-up starts at rate 0, as in Hugging Face's library, which makes the first step one that changes nothing. False (default): step k of w has
    /// the factor k / w, k counted from 1.
    /// </summary>
    public bool ZeroFirstStep { get; init; }

    /// <summary>The rate stays as it is.</summary>
    /// <param name="warmup">Default none.</param>
    public static Schedule Constant(Warmup warmup = default) => new ConstantSchedule(warmup);

    /// <summary>Down to 0 in a straight line.</summary>
    /// <param name="warmup">Default none.</param>
    public static Schedule Linear(Warmup warmup = default) => new PolynomialSchedule(warmup, 1, 0);

    /// <summary>Down along half a cosine (Loshchilov and Hutter 2017, equation 5).</summary>
    /// <param name="warmup">Default none.</param>
    /// <param name="minimum">The share of the rate at the end, from 0 (default) to 1.</param>
    /// <param name="cycles">Waves: 0.5 (default) goes down once.</param>
    public static Schedule Cosine(Warmup warmup = default, double minimum = 0, double cycles = 0.5) => new CosineSchedule(warmup, minimum, cycles);

    /// <summary>Several half cosines of one length, each from the full rate to 0.</summary>
    /// <param name="cycles">How many.</param>
    /// <param name="warmup">Default none.</param>
    public static Schedule CosineWithRestarts(int cycles, Warmup warmup = default) => new RestartsSchedule(warmup, cycles);

    /// <summary>Half cosines whose length grows by a factor (Loshchilov and Hutter 2017).</summary>
    /// <param name="firstSteps">Steps of the first.</param>
    /// <param name="factor">Each is this many times as long as the one before; 1 or more.</param>
    /// <param name="minimum">The share of the rate at the end of each.</param>
    public static Schedule WarmRestarts(int firstSteps, int factor = 1, double minimum = 0) => new WarmRestartsSchedule(firstSteps, factor, minimum);

    /// <summary>Down along a power of the steps left.</summary>
    /// <param name="power">1 is a straight line.</param>
    /// <param name="minimum">The share of the rate at the end.</param>
    /// <param name="warmup">Default none.</param>
    public static Schedule Polynomial(double power, double minimum = 0, Warmup warmup = default) => new PolynomialSchedule(warmup, power, minimum);

    /// <summary>Down with the inverse root of the steps (Vaswani et al. 2017, section 5.3).</summary>
    /// <param name="warmup">Default none.</param>
    /// <param name="timescale">The step after which the rate has fallen by the root of 2. Null: the warm-up's steps, or 10,000 without one.</param>
    public static Schedule InverseSquareRoot(Warmup warmup = default, int? timescale = null) => new InverseRootSchedule(warmup, timescale);

    /// <summary>Up, level, then down at the end (warm-up, stable, decay; Hu et al. 2024, section 4).</summary>
    /// <param name="decay">How long the end is: steps or a share.</param>
    /// <param name="warmup">Default none.</param>
    /// <param name="minimum">The share of the rate from which it climbs and to which it falls.</param>
    public static Schedule WarmupStableDecay(Warmup decay, Warmup warmup = default, double minimum = 0) => new StableDecaySchedule(warmup, decay, minimum);

    /// <summary>One cycle: from a 25th up to the rate, then down to a 10,000th of where it began (Smith and Topin 2019), along cosines.</summary>
    /// <param name="peak">The share of the run at which the rate is highest, above 0 and below 1.</param>
    /// <param name="startDivisor">The rate begins at this fraction.</param>
    /// <param name="endDivisor">And ends at this fraction of where it began.</param>
    public static Schedule OneCycle(double peak = 0.3, double startDivisor = 25, double endDivisor = 1e4) =>
        new OneCycleSchedule(peak, startDivisor, endDivisor);

    /// <summary>A constant factor with every step.</summary>
    /// <param name="factor">Above 0 and at most 1.</param>
    /// <param name="warmup">Default none.</param>
    public static Schedule Exponential(double factor, Warmup warmup = default) => new StepSchedule(warmup, 1, factor);

    /// <summary>A constant factor every so many steps.</summary>
    /// <param name="every">Steps.</param>
    /// <param name="factor">Above 0 and at most 1.</param>
    /// <param name="warmup">Default none.</param>
    public static Schedule Step(int every, double factor, Warmup warmup = default) => new StepSchedule(warmup, every, factor);

    /// <summary>Down when the metric stops getting better: the one schedule that depends on evaluations.</summary>
    /// <param name="factor">What the rate is multiplied by.</param>
    /// <param name="patience">Evaluations without a gain that are borne.</param>
    /// <param name="threshold">The relative gain that counts.</param>
    /// <param name="minimum">The share of the rate below which it does not fall.</param>
    /// <param name="warmup">Default none.</param>
    public static Schedule Plateau(double factor = 0.1, int patience = 10, double threshold = 1e-4, double minimum = 0, Warmup warmup = default) =>
        new PlateauSchedule(warmup, factor, patience, threshold, minimum);

    /// <summary>What the learning rate is multiplied by.</summary>
    /// <param name="step">The optimizer step, from 0.</param>
    /// <param name="totalSteps">All steps of the run, at least 1.</param>
    /// <returns>0 or more; 1 is the optimizer's own rate.</returns>
    public double Factor(long step, long totalSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        long climb = Warmup.Resolve(totalSteps);
        if (step < climb) return Climb((step + (ZeroFirstStep ? 0 : 1)) / (double)climb);
        return Proper(step - climb, Math.Max(1, totalSteps - climb), climb);
    }

    /// <summary>The factor at a share of the warm-up.</summary>
    private protected virtual double Climb(double share) => share;

    /// <param name="step">Steps since the end of the warm-up.</param>
    /// <param name="total">Steps of the run after the warm-up, at least 1.</param>
    /// <param name="climb">Steps of the warm-up.</param>
    private protected abstract double Proper(long step, long total, long climb);

    internal virtual void CollectViolations(List<string> violations) => Warmup.CollectViolations(violations);

    private protected static void Fraction(double value, string name, List<string> violations)
    {
        if (value is not (>= 0 and <= 1)) violations.Add($"the schedule's {name} is {value}: it is from 0 to 1");
    }

    private protected static void AtLeastOne(double value, string name, List<string> violations)
    {
        if (value is not (>= 1 and < double.PositiveInfinity)) violations.Add($"the schedule's {name} is {value}: it is 1 or more");
    }
}
