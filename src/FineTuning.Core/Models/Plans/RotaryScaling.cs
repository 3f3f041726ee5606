namespace FineTuning.Models;

/// <summary>How rotary angles are changed for texts longer than those of pretraining.</summary>
internal abstract record RotaryScaling
{
    /// <summary>Whether the angles depend on how long a text is.</summary>
    public virtual bool DependsOnLength => false;

    /// <summary>The factor of cosines and sines.</summary>
    public virtual double Factor => 1;

    /// <summary>The inverse wavelengths.</summary>
    /// <param name="plain">Those without scaling, base^(-2 i / width).</param>
    /// <param name="plan">Base and width.</param>
    /// <param name="tokens">The highest position plus 1.</param>
    public abstract float[] Frequencies(float[] plain, RotaryPlan plan, long tokens);
}

/// <summary>Positions divided by a factor (Chen et al. 2023).</summary>
/// <param name="By">The factor.</param>
internal sealed record LinearScaling(double By) : RotaryScaling
{
    public override float[] Frequencies(float[] plain, RotaryPlan plan, long tokens) => [.. plain.Select(value => (float)(value / By))];
}

/// <summary>A base that grows with the text (NTK-aware, dynamic).</summary>
/// <param name="By">The factor.</param>
/// <param name="Original">Positions of pretraining.</param>
internal sealed record DynamicScaling(double By, int Original) : RotaryScaling
{
    public override bool DependsOnLength => true;

    public override float[] Frequencies(float[] plain, RotaryPlan plan, long tokens)
    {
        double stretched = (By * Math.Max(tokens, Original) / Original) - (By - 1);
        double grown = plan.Base * Math.Pow(stretched, plan.Width / (plan.Width - 2.0));
        return [.. plain.Select((_, i) => (float)(1 / Math.Pow(grown, 2.0 * i / plan.Width)))];
    }
}

/// <summary>Long waves divided by a factor, short ones kept, those between blended (LLaMA 3.1).</summary>
/// <param name="By">The factor.</param>
/// <param name="Low">Waves longer than the original length over this are divided.</param>
/// <param name="High">Waves shorter than the original length over this are kept.</param>
/// <param name="Original">Positions of pretraining.</param>
internal sealed record Llama3Scaling(double By, double Low, double High, int Original) : RotaryScaling
{
    public override float[] Frequencies(float[] plain, RotaryPlan plan, long tokens) => [.. plain.Select(value =>
    {
        double length = 2 * Math.PI / value;
        if (length < Original / High) return value;
        if (length > Original / Low) return (float)(value / By);
        double share = ((Original / length) - Low) / (High - Low);
        return (float)(((1 - share) * value / By) + (share * value));
    })];
}

/// <summary>Long waves divided, short ones kept, a ramp between them, and a factor on the scores (Peng et al. 2023).</summary>
/// <param name="By">The factor.</param>
/// <param name="Fast">Turns over the original length above which a wave is kept.</param>
/// <param name="Slow">Turns below which it is divided.</param>
/// <param name="Original">Positions of pretraining.</param>
/// <param name="AttentionFactor">Of cosines and sines.</param>
/// <param name="Truncate">Whether the ramp begins and ends at whole channels.</param>
internal sealed record YarnScaling(double By, double Fast, double Slow, int Original, double AttentionFactor, bool Truncate = true) : RotaryScaling
{
    public override double Factor => AttentionFactor;

    public override float[] Frequencies(float[] plain, RotaryPlan plan, long tokens)
    {
        double Channel(double turns) => plan.Width * Math.Log(Original / (turns * 2 * Math.PI)) / (2 * Math.Log(plan.Base));
        double low = Channel(Fast), high = Channel(Slow);
        if (Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, plan.Width - 1));
        if (low == high) high += 0.001;
        return [.. plain.Select((value, i) =>
        {
            double kept = 1 - Math.Clamp((i - low) / (high - low), 0, 1);
            return (float)((value / By * (1 - kept)) + (value * kept));
        })];
    }
}

/// <summary>A factor for each channel, one list for short texts and one for long ones (Ding et al. 2024).</summary>
/// <param name="Short">Factors up to the original length.</param>
/// <param name="Long">Factors beyond it.</param>
/// <param name="Original">Positions of pretraining.</param>
/// <param name="AttentionFactor">Of cosines and sines.</param>
internal sealed record LongRopeScaling(IReadOnlyList<double> Short, IReadOnlyList<double> Long, int Original, double AttentionFactor) : RotaryScaling
{
    public override bool DependsOnLength => true;

    public override double Factor => AttentionFactor;

    public override float[] Frequencies(float[] plain, RotaryPlan plan, long tokens)
    {
        IReadOnlyList<double> factors = tokens > Original ? Long : Short;
        return [.. plain.Select((value, i) => (float)(value / factors[i]))];
    }
}
