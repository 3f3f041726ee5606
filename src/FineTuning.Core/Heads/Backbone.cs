using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What a head is put on: a checkpoint folder, or a trunk in memory, which it then shares.</summary>
internal abstract class Backbone
{
    /// <summary>What messages call it.</summary>
    public abstract string Name { get; }

    /// <summary>Where files of the head may lie beside config.json. Null: there are none.</summary>
    public abstract string? Folder { get; }

    /// <summary>A checkpoint folder.</summary>
    public static Backbone Of(string folder) => new FolderBackbone(folder);

    /// <summary>A trunk in memory, which the head shares with those that are on it already.</summary>
    /// <exception cref="ArgumentException">The trunk came without a tokenizer.</exception>
    public static Backbone Of(Trunk trunk)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        if (trunk.Tokenizer is { } tokenizer) return new TrunkBackbone(trunk, tokenizer);
        throw new ArgumentException("the trunk came without a tokenizer; load it with Pretrained.Trunk, or take that of a model", nameof(trunk));
    }

    /// <summary>What it says of the outputs that a head of a kind may take over.</summary>
    public abstract StoredOutputs Outputs(HeadKind kind, bool freshHead);

    public abstract PretrainedTokenizer Tokenizer();

    /// <summary>The trunk with a head; the load report says what was mapped and what is fresh.</summary>
    public abstract OutputHead Head(HeadKind kind, int outputs, ModelLoadOptions options);

    /// <summary>Opens tokenizer and head and makes a model of them, which owns the head; where that fails, the head is freed.</summary>
    /// <param name="kind">What the head is for.</param>
    /// <param name="outputs">How many scores it gives.</param>
    /// <param name="options">Seed, dropout, device.</param>
    /// <param name="make">Makes the model.</param>
    /// <param name="stored">What was said of the outputs. Null: their names do not matter.</param>
    /// <param name="refusal">Why the checkpoint's own head cannot be the one that is asked for. Null: nothing speaks against it.</param>
    /// <exception cref="CheckpointException">The checkpoint's head is taken over, although something speaks against it.</exception>
    public TModel Open<TModel>(
        HeadKind kind, int outputs, ModelLoadOptions options, Func<OutputHead, PretrainedTokenizer, TModel> make,
        StoredOutputs? stored = null, string? refusal = null)
    {
        if (refusal is not null && stored?.Serves == true) throw new CheckpointException(Name, refusal);
        PretrainedTokenizer tokenizer = Tokenizer();
        OutputHead head = Head(kind, outputs, options);
        try
        {
            // Where config.json does not say what the head is for, its tensors did.
            if (refusal is not null && head.LoadReport.Fresh.Count == 0) throw new CheckpointException(Name, refusal);
            head.Trunk.Tokenizer ??= tokenizer;
            return make(head, tokenizer);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    private sealed class FolderBackbone(string folder) : Backbone
    {
        public override string Name => folder;

        public override string? Folder => folder;

        public override StoredOutputs Outputs(HeadKind kind, bool freshHead)
        {
            CheckpointHead head = OutputHead.ReadHead(folder);
            return new(folder, head.Names(), head.Serves(kind), freshHead);
        }

        public override PretrainedTokenizer Tokenizer() => PretrainedTokenizer.Load(folder);

        public override OutputHead Head(HeadKind kind, int outputs, ModelLoadOptions options) => OutputHead.Load(folder, kind, outputs, options);
    }

    private sealed class TrunkBackbone(Trunk trunk, PretrainedTokenizer tokenizer) : Backbone
    {
        public override string Name => trunk.Folder ?? "the model in memory";

        public override string? Folder => trunk.Folder;

        public override StoredOutputs Outputs(HeadKind kind, bool freshHead)
        {
            CheckpointHead head = new(trunk.Config);
            // Without its folder a head is always fresh, and may have the names that the configuration came with.
            return trunk.Folder is null ? new(Name, head.Names(), null, IsReplaced: true) : new(Name, head.Names(), head.Serves(kind), freshHead);
        }

        public override PretrainedTokenizer Tokenizer() => tokenizer;

        public override OutputHead Head(HeadKind kind, int outputs, ModelLoadOptions options) => OutputHead.On(trunk, kind, outputs, options);
    }
}
