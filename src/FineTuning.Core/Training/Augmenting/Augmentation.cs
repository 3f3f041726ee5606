using System.Text.Json.Serialization;
using FineTuning.Heads;

namespace FineTuning.Training;

/// <summary>
/// One way to change the texts of training examples so that what is learned from them stays right: labels hold, and entities stay as they are.
/// </summary>
/// <remarks>
/// Immutable. What becomes of a row is a function of the run's seed, the epoch and the row, whatever batch it stands in. Words are runs of letters and digits;
/// an ideograph is one by itself.
/// </remarks>
public abstract record Augmentation
{
    private protected Augmentation()
    {
    }

    /// <summary>
    /// Words change places, are left out, or the text is cropped: EDA without synonyms (Wei and Zou 2019, section 2). Entities are not touched; a crop leaves
    /// them out whole.
    /// </summary>
    /// <param name="swap">Of the words, the share that are exchanged with another, from 0 to 1. Default 0.1.</param>
    /// <param name="delete">The probability of a word to be left out, from 0 to below 1. Default 0.1.</param>
    /// <param name="crop">Of the text, the largest share that is cut off at its ends, from 0 (default) to below 1.</param>
    public static Augmentation Words(double swap = 0.1, double delete = 0.1, double crop = 0) => new WordAugmentation(swap, delete, crop);

    /// <summary>Slips of the keyboard: two neighbouring letters change places, one is doubled, left out or another of the word.</summary>
    /// <param name="share">The probability of a word to have one, from 0 to 1. Default 0.1.</param>
    public static Augmentation Characters(double share = 0.1) => new CharacterAugmentation(share);

    /// <summary>Entities of tagged sentences become others of the same type, drawn from the training data; tags and offsets follow. For taggers.</summary>
    /// <param name="share">The probability of an entity to be exchanged, from 0 to 1. Default 0.5.</param>
    public static Augmentation Entities(double share = 0.5) => new EntityAugmentation(share);

    /// <summary>
    /// Runs of words are masked, and become what a masked language model draws there among its most probable whole words. A pass of that model for each text.
    /// </summary>
    /// <param name="model">On weights of its own: not those that are trained.</param>
    /// <param name="share">Of the words, the share that is masked, above 0 and at most 1. Default 0.15.</param>
    public static Augmentation MaskFilling(MaskedLanguageModel model, double share = 0.15)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new FillingAugmentation(share) { Model = model };
    }

    /// <summary>
    /// Texts become what a function makes of them, for example a translation into another language and back. Texts with entities stay as they are.
    /// </summary>
    /// <param name="name">Stands for the function in the recipe, which does not hold it.</param>
    /// <param name="rewrite">
    /// Is given a text, and a number that is another in every epoch and row: the same two give the same text, or the run cannot be repeated. Called on the
    /// run's
    /// thread; what it throws ends the run.
    /// </param>
    public static Augmentation Rewriting(string name, Func<string, long, string> rewrite)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(rewrite);
        return new RewritingAugmentation(name) { Rewrite = rewrite };
    }

    /// <summary>Whether it needs examples with entities.</summary>
    [JsonIgnore]
    internal virtual bool NeedsEntities => false;

    /// <summary>Changes the words of a text.</summary>
    /// <param name="text">Changed in place.</param>
    /// <param name="draw">Numbers of this augmentation, epoch and row.</param>
    /// <param name="entities">The entities of the training data by type.</param>
    internal abstract void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities);

    /// <summary>Adds what is wrong with the settings.</summary>
    internal abstract void CollectViolations(List<string> violations);
}

/// <summary>The entities of the training data by type, each once, in the order in which they occur first.</summary>
internal sealed class EntityBank
{
    private readonly Dictionary<string, List<string[]>> _byType = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    public void Add(string type, string[] words)
    {
        // Tags that stand for a word alone are no types.
        if (type.StartsWith('\0') || !_known.Add($"{type}\0{string.Join(' ', words)}")) return;
        if (!_byType.TryGetValue(type, out List<string[]>? all)) _byType[type] = all = [];
        all.Add(words);
    }

    /// <summary>The entities of a type; empty: none is known.</summary>
    public IReadOnlyList<string[]> Of(string type) => _byType.TryGetValue(type, out List<string[]>? all) ? all : [];
}
