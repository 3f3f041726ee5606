using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a head is put on: a checkpoint folder, or a model in memory, whose trunk is copied.</summary>
/// <param name="name">What messages call it.</param>
/// <param name="labels">The labels that it names, by output.</param>
/// <param name="tokenizer">Gives its tokenizer.</param>
/// <param name="encoder">Gives an encoder of its own with a head.</param>
/// <param name="folder">Where files of the head may lie beside config.json; null: the model is in memory and has none.</param>
internal sealed class Backbone(
    string name, Func<IReadOnlyDictionary<int, string>> labels, Func<PretrainedTokenizer> tokenizer, Func<HeadKind, int, ModelLoadOptions, EncoderModel> encoder,
    string? folder = null)
{
    public string Name { get; } = name;

    /// <summary>Where files of the head may lie beside config.json; null: there are none.</summary>
    public string? Folder { get; } = folder;

    public IReadOnlyDictionary<int, string> Labels() => labels();

    public PretrainedTokenizer Tokenizer() => tokenizer();

    /// <summary>The trunk with a head; the load report says what was mapped and what is fresh.</summary>
    public EncoderModel Encoder(HeadKind head, int outputs, ModelLoadOptions options) => encoder(head, outputs, options);

    /// <summary>A checkpoint folder.</summary>
    public static Backbone Of(string folder) => new(
        folder, () => EncoderModel.ReadLabels(folder), () => PretrainedTokenizer.Load(folder), (head, outputs, options) => EncoderModel.Load(folder, head, outputs, options), folder);

    /// <summary>A masked language model in memory, which stays as it is.</summary>
    public static Backbone Of(MaskedLanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new("the model in memory", () => model.Encoder.Spec.Labels, () => model.Tokenizer, model.Encoder.WithHead);
    }
}
