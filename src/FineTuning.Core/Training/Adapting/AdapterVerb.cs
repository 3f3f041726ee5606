using FineTuning.Adapters;
using FineTuning.Training;

namespace FineTuning;

/// <summary>The verbs of adapters.</summary>
public static class AdapterVerb
{
    /// <summary>Tunes an adapter instead of the model: <c>WithAdapter(Adapter.Lora(rank: 16, alpha: 32).On(l => l.AllLinear()))</c>. The base stays as it is,
    /// to the bit.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="adapter">The method and its targets.</param>
    /// <param name="name">The adapter's name on the model.</param>
    public static FineTuner<TExample> WithAdapter<TExample>(this FineTuner<TExample> tuner, Adapter adapter, string name = "default")
    {
        ArgumentNullException.ThrowIfNull(tuner);
        ArgumentNullException.ThrowIfNull(adapter);
        return tuner.With(new AdapterTuning(name, AdapterConfig.Write(adapter, null)) { Adapter = adapter });
    }

    /// <summary>LoRA+ (Hayou et al. 2024): B learns faster than A.</summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <param name="tuner">Stays as it is.</param>
    /// <param name="ratio">What the rate of B is multiplied by. Default 16.</param>
    public static FineTuner<TExample> WithFasterB<TExample>(this FineTuner<TExample> tuner, double ratio = 16)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return tuner.WithRate(weights => weights.Named("*.lora_B.weight").Named("*.lora_B.bias"), ratio);
    }
}
