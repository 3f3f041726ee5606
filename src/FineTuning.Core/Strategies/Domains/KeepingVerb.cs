using FineTuning.Strategies;
using FineTuning.Tasks;

namespace FineTuning;

/// <summary>The verb of runs that watch over what was learned before.</summary>
public static class KeepingVerb
{
    /// <summary>
    /// Names an old task that the run may forget: it is measured before and after, and the line of weights between old and new is walked for a point that
    /// keeps both. Further verbs protect it.
    /// </summary>
    /// <typeparam name="TExample">What the model is trained on.</typeparam>
    /// <typeparam name="TKept">What the old task's model is trained on; inferred.</typeparam>
    /// <param name="tuner">Stays as it is; with validation data.</param>
    /// <param name="name">Names the old task in messages and in the result.</param>
    /// <param name="model">The model that is tuned, or another head on its trunk: a language model shows what was forgotten of a language.</param>
    /// <param name="examples">What it is measured on; read once.</param>
    /// <param name="learned">Some or all of what it has learned from, for protections that need it; read once. Null: there is none.</param>
    public static ContinuedTuner<TExample> Keeping<TExample, TKept>(this FineTuner<TExample> tuner, string name, TunableModel<TKept> model,
        IEnumerable<TKept> examples, IEnumerable<TKept>? learned = null)
    {
        ArgumentNullException.ThrowIfNull(tuner);
        return new ContinuedTuner<TExample>(tuner, []).Keeping(name, model, examples, learned);
    }
}
