using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning;

/// <summary>The verb that adapts a trunk to a domain.</summary>
public static class DomainVerbs
{
    // One of the purposes of Permutation.
    private const int HeldOutDraw = 5;

    /// <summary>
    /// Trains the trunk's language model on texts of a domain, before a head learns the task there ("Don't stop pretraining", Gururangan et al. 2020): a masked
    /// one for an encoder, a causal one for a decoder. <c>Pretrained.TextClassifier(Pretrained.Trunk(folder).AdaptTo(texts).Trunk)</c> is the whole chain.
    /// </summary>
    /// <param name="trunk">Trained in place; loaded with its tokenizer from a checkpoint that has the head of a language model.</param>
    /// <param name="texts">Texts of the domain without labels, two or more; read once.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="cancellation">Ends the run with the best weights so far.</param>
    /// <exception cref="InvalidOptionsException">Options are out of range, or the trunk is an encoder-decoder.</exception>
    /// <exception cref="CheckpointException">The checkpoint's family has no such head, or the tokenizer has no mask token.</exception>
    /// <exception cref="TrainingDataException">There are fewer than two texts, or nothing to learn in them.</exception>
    public static DomainAdaptation AdaptTo(this Trunk trunk, IEnumerable<string> texts, DomainOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new DomainOptions();
        new NullMembers().Entries(options.KeptTexts, nameof(options.KeptTexts)).Require(nameof(options));
        trunk.RequireHeld();
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (trunk.Plan is { Encoder: not null, Decoder: not null })
            violations.Add("the trunk is an encoder-decoder, which has no objective over plain texts here: train Pretrained.TextToText on pairs");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        string[] all = [.. texts];
        NullMembers.RequireEntries(all, nameof(texts));
        if (all.Length < 2) throw new TrainingDataException($"there are {all.Length} texts: it takes two or more, of which some are held out");
        if (trunk.Plan.Decoder is null)
        {
            var masked = new MaskedLanguageOptions { MaximumLength = options.MaximumLength, Seed = options.Seed };
            using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(trunk, masked);
            return Adapt(trunk, model, model.HasUntrainedHead, all, text => text, options, cancellation);
        }
        var causal = new LanguageModelOptions { MaximumLength = options.MaximumLength, Seed = options.Seed };
        using CausalLanguageModel writer = Pretrained.CausalLanguageModel(trunk, causal);
        return Adapt(trunk, writer, false, all, PromptCompletion.OfText, options, cancellation);
    }

    private static DomainAdaptation Adapt<TExample>(Trunk trunk, TunableModel<TExample> model, bool isFresh, string[] texts,
        Func<string, TExample> make, DomainOptions options, CancellationToken cancellation)
    {
        int held = Math.Clamp((int)Math.Round(texts.Length * options.HeldOut), 1, texts.Length - 1);
        int[] order = Permutation.Of(texts.Length, options.Seed, 0, HeldOutDraw);
        TExample[] validation = [.. order.Take(held).Order().Select(index => make(texts[index]))];
        TExample[] train = [.. order.Skip(held).Order().Select(index => make(texts[index]))];
        FineTuner<TExample> tuner = FineTuner.For(model).Seed(options.Seed).ValidateOn(validation);
        if (options.Recipe is { } recipe) tuner = tuner.With(recipe);
        if (options.KeptTexts is not { Count: > 0 } kept)
        {
            MetricReport before = model.Evaluate(validation, cancellation: cancellation);
            TrainingResult run = tuner.Train(train, cancellation);
            return new(trunk, run, before, run.Metrics ?? before, null, isFresh);
        }
        bool replays = options.Replay > 0;
        TExample[] measured = [.. kept.Where((_, i) => !replays || i % 2 == 0).Select(make)];
        ContinuedTuner<TExample> watching = tuner.Keeping("kept texts", model, measured, replays ? kept.Where((_, i) => i % 2 == 1).Select(make) : null);
        if (replays) watching = watching.WithReplay(options.Replay);
        if (options.AtRecommendedPoint) watching = watching.AtRecommendedPoint();
        ContinuedResult result = watching.Train(train, cancellation);
        return new(trunk, result.Run, result.Gained.Before, result.Gained.After, result, isFresh);
    }
}
