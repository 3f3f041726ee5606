using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a head is put on: a checkpoint folder, or a trunk in memory, which it then shares.</summary>
/// <param name="name">What messages call it.</param>
/// <param name="labels">Gives the labels that it names, by output.</param>
/// <param name="tokenizer">Gives its tokenizer.</param>
/// <param name="head">Gives an output layer on the trunk.</param>
/// <param name="folder">Where files of the head may lie beside config.json; null: there are none.</param>
internal sealed class Backbone(
    string name, Func<IReadOnlyDictionary<int, string>> labels, Func<PretrainedTokenizer> tokenizer, Func<HeadKind, int, ModelLoadOptions, OutputHead> head, string? folder = null)
{
    public string Name { get; } = name;

    /// <summary>Where files of the head may lie beside config.json; null: there are none.</summary>
    public string? Folder { get; } = folder;

    public IReadOnlyDictionary<int, string> Labels() => labels();

    public PretrainedTokenizer Tokenizer() => tokenizer();

    /// <summary>The trunk with a head; the load report says what was mapped and what is fresh.</summary>
    public OutputHead Head(HeadKind kind, int outputs, ModelLoadOptions options) => head(kind, outputs, options);

    /// <summary>A checkpoint folder.</summary>
    public static Backbone Of(string folder) => new(
        folder,
        () => OutputHead.ReadLabels(folder),
        () => PretrainedTokenizer.Load(folder),
        (kind, outputs, options) => OutputHead.Load(folder, kind, outputs, options),
        folder);

    /// <summary>A trunk in memory, which the head shares with those that are on it already.</summary>
    /// <exception cref="ArgumentException">The trunk came without a tokenizer.</exception>
    public static Backbone Of(Trunk trunk)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        PretrainedTokenizer tokenizer = trunk.Tokenizer ?? throw new ArgumentException("the trunk came without a tokenizer; load it with Pretrained.Trunk, or take that of a model", nameof(trunk));
        string? folder = trunk.Folder;
        return new(folder ?? "the model in memory", () => trunk.Plan.Labels, () => tokenizer, (kind, outputs, options) => OutputHead.On(trunk, kind, outputs, options), folder);
    }
}
