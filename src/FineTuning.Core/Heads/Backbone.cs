using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a head is put on: a checkpoint folder, or a model in memory, whose trunk is copied.</summary>
internal abstract class Backbone
{
    /// <summary>What messages call it.</summary>
    public abstract string Name { get; }

    /// <summary>Where files of the head may lie beside config.json; null: the model is in memory and has none.</summary>
    public abstract string? Folder { get; }

    /// <summary>A checkpoint folder.</summary>
    public static Backbone Of(string folder) => new FolderBackbone(folder);

    /// <summary>A masked language model in memory, which stays as it is.</summary>
    public static Backbone Of(MaskedLanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new MemoryBackbone(model);
    }

    /// <summary>What it says of the outputs that a head of a kind may take over.</summary>
    public abstract StoredOutputs Outputs(HeadKind kind, bool freshHead);

    public abstract PretrainedTokenizer Tokenizer();

    /// <summary>The trunk with a head; the load report says what was mapped and what is fresh.</summary>
    public abstract EncoderModel Encoder(HeadKind head, int outputs, ModelLoadOptions options);

    /// <summary>Opens tokenizer and encoder and makes a model of them, which owns the encoder; where that fails, the encoder is freed.</summary>
    /// <param name="head">What the head is for.</param>
    /// <param name="outputs">How many scores it gives.</param>
    /// <param name="options">Seed, dropout, device.</param>
    /// <param name="make">Makes the model.</param>
    /// <param name="stored">What was said of the outputs; null: their names do not matter.</param>
    /// <param name="refusal">Why the checkpoint's own head cannot be the one that is asked for; null: nothing speaks against it.</param>
    /// <exception cref="CheckpointException">The checkpoint's head is taken over, although something speaks against it.</exception>
    public TModel Open<TModel>(
        HeadKind head, int outputs, ModelLoadOptions options, Func<EncoderModel, PretrainedTokenizer, TModel> make, StoredOutputs? stored = null, string? refusal = null)
    {
        if (refusal is not null && stored?.Serves == true) throw new CheckpointException(Name, refusal);
        PretrainedTokenizer tokenizer = Tokenizer();
        EncoderModel encoder = Encoder(head, outputs, options);
        try
        {
            // Where config.json does not say what the head is for, its tensors did.
            if (refusal is not null && encoder.LoadReport.Fresh.Count == 0) throw new CheckpointException(Name, refusal);
            return make(encoder, tokenizer);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    private sealed class FolderBackbone(string folder) : Backbone
    {
        public override string Name => folder;

        public override string? Folder => folder;

        public override StoredOutputs Outputs(HeadKind kind, bool freshHead)
        {
            CheckpointHead head = EncoderModel.ReadHead(folder);
            return new(folder, head.Names(), head.Serves(kind), freshHead);
        }

        public override PretrainedTokenizer Tokenizer() => PretrainedTokenizer.Load(folder);

        public override EncoderModel Encoder(HeadKind head, int outputs, ModelLoadOptions options) => EncoderModel.Load(folder, head, outputs, options);
    }

    private sealed class MemoryBackbone(MaskedLanguageModel model) : Backbone
    {
        public override string Name => "the model in memory";

        public override string? Folder => null;

        // Its head is one over the vocabulary: that of a task is always fresh, and may have the names that the configuration came with.
        public override StoredOutputs Outputs(HeadKind kind, bool freshHead) =>
            new(Name, [.. model.Encoder.Spec.Labels.OrderBy(pair => pair.Key).Select(pair => pair.Value)], null, IsReplaced: true);

        public override PretrainedTokenizer Tokenizer() => model.Tokenizer;

        public override EncoderModel Encoder(HeadKind head, int outputs, ModelLoadOptions options) => model.Encoder.WithHead(head, outputs, options);
    }
}
