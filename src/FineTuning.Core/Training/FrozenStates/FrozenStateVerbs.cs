using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs of kept hidden states.</summary>
public static class FrozenStateVerbs
{
    /// <summary>Changes how hidden states of layers that do not train are kept; by default they are, in memory, where that pays.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="change">For example <c>o => o with { KeepAfterRun = true }</c>.</param>
    public static FineTuner<TExample> KeepFrozenStates<TExample>(this FineTuner<TExample> tuner, Func<FrozenStateOptions, FrozenStateOptions> change)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        ArgumentNullException.ThrowIfNull(change);
        FrozenStateOptions kept = change(tuner.Options.FrozenStates ?? new())
            ?? throw new ArgumentException("it gave null; to keep none, WithoutFrozenStates()", nameof(change));
        return tuner.With(options => options with { FrozenStates = kept });
    }

    /// <summary>Computes the layers that do not train in every epoch.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    public static FineTuner<TExample> WithoutFrozenStates<TExample>(this FineTuner<TExample> tuner)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.With(options => options with { FrozenStates = null });
    }
}
