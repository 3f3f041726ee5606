using FineTuning.Errors;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A pretrained network without its output layer: an encoder, a decoder, or both. Any number of heads sit on one trunk and share its memory.</summary>
/// <remarks>
/// Forward passes are thread-safe while nothing trains. A trunk is held by its loader and by every head on it, and its tensors are freed when the last
/// of them is disposed: the loader may dispose the trunk as soon as its heads stand, and every head is disposed by its maker.
/// </remarks>
public sealed class Trunk : IDisposable
{
    private const string InMemory = "the model in memory";

    private readonly Stack? _encoder;
    private readonly Stack? _decoder;
    private int _holders = 1;
    private int _left;

    private Trunk(FamilyModel model, ConfigFile config, CheckpointReader reader)
    {
        (Model, Config, Device, Quantization) = (model, config, reader.Device, reader.Options.Quantization);
        Weights.HeadDepth = Plan.LayerCount + 1;
        Weights.Trunk = this;
        try
        {
            (TokenTable, _encoder, _decoder) = Make(reader);
        }
        catch
        {
            Weights.Dispose();
            throw;
        }
    }

    private (EmbeddingTable Tokens, Stack? Encoder, Stack? Decoder) Make(CheckpointReader reader)
    {
        var builder = new WeightBuilder(reader, Weights, Modules, Plan);
        EmbeddingTable tokens = builder.Table("embeddings.token", Plan.Embedding.PaddingRow, Plan.VocabularySize, Plan.EmbeddingSize);
        Stack? encoder = Plan.Encoder is null ? null : Stack.Make(builder, Plan, Plan.Encoder, tokens, 0);
        Stack? decoder = Plan.Decoder is null ? null : Stack.Make(builder, Plan, Plan.Decoder, tokens, Plan.Encoder?.Layers.Count ?? 0);
        return (tokens, encoder, decoder);
    }

    /// <summary>How the trunk is built.</summary>
    public TrunkPlan Plan => Model.Plan;

    /// <summary>Where the weights are.</summary>
    public Device Device { get; }

    /// <summary>Its weights; heads add theirs to sets of their own, which show these too.</summary>
    public WeightSet Weights { get; } = new();

    /// <summary>What became of every tensor of the checkpoint; those that only a head needs are ignored here.</summary>
    public LoadReport LoadReport { get; private set; } = new([], [], []);

    /// <summary>Its linear layers and embedding tables by the checkpoint's names.</summary>
    internal ModuleIndex Modules { get; } = new();

    /// <summary>In how few bits its linear layers are kept. Null: they are floating point.</summary>
    internal WeightQuantization? Quantization { get; }

    internal FamilyModel Model { get; }

    internal ConfigFile Config { get; }

    internal EmbeddingTable TokenTable { get; }

    /// <summary>What was learned to stand before every text. Null: nothing. Not set while a pass runs.</summary>
    internal ITrunkPrompt? Prompt { get; set; }

    /// <summary>Positions in a decoder's cache that no token of the text has.</summary>
    internal long LeadingPositions => Prompt is { } prompt && !LeadsSource ? prompt.Count : 0;

    // Learned vectors stand before what the encoder reads.
    private bool LeadsSource => Prompt is { IsPrefix: false } && _encoder is not null && _decoder is not null;

    /// <summary>Hidden states of its layers that runs keep.</summary>
    internal FrozenStateStore FrozenStates { get; } = new();

    /// <summary>The folder whose tensors heads that are added may read. Null: there is none.</summary>
    internal string? Folder { get; private set; }

    /// <summary>The tokenizer that came with it. Null: none was loaded.</summary>
    internal PretrainedTokenizer? Tokenizer { get; set; }

    /// <summary>Opens a checkpoint folder; heads that are put on the trunk later find their tensors there.</summary>
    /// <param name="folder">config.json and weights.</param>
    /// <param name="options">Seed, dropout, device. Null: the defaults.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, or tensors are missing or of another shape: all are listed.</exception>
    public static Trunk Load(string folder, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        FineTuningRuntime.Load();
        Trunk trunk = WholeFolder.Read(folder, () => Read(folder, options ?? new ModelLoadOptions(), _ => null).Trunk);
        trunk.Folder = folder;
        return trunk;
    }

    /// <summary>Makes a trunk of random weights from the text of a config.json.</summary>
    /// <param name="configuration">The text.</param>
    /// <param name="options">Seed, dropout, device. Null: the defaults.</param>
    /// <exception cref="CheckpointException">The configuration is invalid.</exception>
    public static Trunk Create(string configuration, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        FineTuningRuntime.Load();
        return Draw(configuration, options ?? new ModelLoadOptions(), _ => null).Trunk;
    }

    /// <summary>A trunk of its own with the same weights.</summary>
    /// <returns>The caller's; it shares no memory with this one.</returns>
    public Trunk Copy() => Copy(null);

    /// <param name="folder">Where heads that are put on the copy find their tensors. Null: they are fresh.</param>
    internal Trunk Copy(string? folder)
    {
        if (Quantization is not null) throw new InvalidOperationException("a quantised trunk is not copied: load it again");
        using WeightPass pass = Weights.Enter();
        using var source = new WeightSource(Weights);
        ScalarType type = TokenTable.Weight.Value.dtype;
        var options = new ModelLoadOptions
        {
            Device = Device.ToString(),
            MasterType = type == ScalarType.Float64 ? type : ScalarType.Float32,
            FrozenPrecision = TokenTable.Weight.CanTrain ? null : type == ScalarType.BFloat16 ? Precision.BFloat16 : Precision.Float32,
        };
        Trunk copy = Open(Model, Config, source, InMemory, options, _ => null).Trunk;
        (copy.Tokenizer, copy.Folder) = (Tokenizer, folder);
        return copy;
    }

    /// <summary>The hidden states after the last layer.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden], float32</returns>
    public Tensor Hidden(TrunkInput input, ForwardContext context) => Hidden(input, context, WantedStates.All);

    /// <summary>Hidden states of the tokens that are wanted, from one layer to another.</summary>
    /// <param name="input">The batch; with <see cref="TrunkInput.States"/> where the pass does not begin at the embeddings.</param>
    /// <param name="context">The pass.</param>
    /// <param name="wanted">Of which tokens; the last layer is computed for these alone where it can be.</param>
    /// <param name="layers">
    /// The layers that run, from 0 for the lowest. Null: all. An encoder-decoder counts its decoder's. What comes out is what enters the layer at the range's
    /// end; after the highest, the final norm is applied.
    /// </param>
    /// <returns>[batch, tokens, hidden], or what is wanted of it; float32</returns>
    /// <exception cref="ArgumentException">A row has more tokens than there are positions, or something that the pass needs is missing.</exception>
    public Tensor Hidden(TrunkInput input, ForwardContext context, WantedStates wanted, Range? layers = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(wanted);
        using WeightPass pass = Weights.Enter();
        return Run(input, context, wanted, layers ?? .., null);
    }

    /// <summary>The encoder's states of an encoder-decoder: the memory that its decoder reads.</summary>
    /// <param name="source">The batch that the encoder reads.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, source tokens, hidden]</returns>
    /// <exception cref="InvalidOperationException">The trunk has no encoder.</exception>
    internal Tensor Encode(TrunkInput source, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(context);
        if (_encoder is null) throw new InvalidOperationException($"a model of the kind '{Plan.ModelType}' has no encoder");
        using WeightPass pass = Weights.Enter();
        if (LeadsSource) source = TrunkPrompt.Before(Prompt!, source, context);
        RequirePositions(source);
        StackPass Layers(TrunkInput input, int first, int end) => new(input, null, null, first, end, null);
        if (Kept(context) is not { Layers.Encoder: > 0 } kept || RowKeys.Of(source) is not { } rows)
            return _encoder.Forward(Layers(source, 0, _encoder.Count), context, Weights);
        int frozen = kept.Layers.Encoder, count = kept.IsFilling ? frozen : _encoder.Count;
        Tensor states = kept.Of(new(false, frozen, "", context.ComputeType), rows, () => _encoder.Forward(Layers(source, 0, frozen), context, Weights));
        return frozen == count ? states : _encoder.Forward(Layers(source.From(states), frozen, count), context, Weights);
    }

    /// <summary>Frees the hidden states that runs kept for later ones (<c>FrozenStateOptions.KeepAfterRun</c>).</summary>
    /// <exception cref="InvalidOperationException">A run trains the weights.</exception>
    /// <exception cref="ObjectDisposedException">The weights are freed.</exception>
    public void ForgetFrozenStates()
    {
        Weights.Enter().Dispose();
        Weights.Exclusively(FrozenStates.Dispose);
    }

    /// <summary>Which layers do not train, nor anything below them. What a run asks before it keeps their states.</summary>
    internal FrozenLayers FrozenLayers()
    {
        int encoder = _encoder?.FrozenCount(Weights) ?? 0;
        return new(encoder, _decoder is null || (_encoder is not null && encoder < _encoder.Count) ? 0 : _decoder.FrozenCount(Weights));
    }

    /// <summary>The weights that the states of the lowest layers depend on.</summary>
    internal IReadOnlyList<Weight> WeightsBelow(FrozenLayers layers)
    {
        HashSet<int> depths = [.. _encoder?.Depths(layers.Encoder) ?? [], .. _decoder?.Depths(layers.Decoder) ?? []];
        return [.. Weights.Where(weight => depths.Contains(weight.Depth))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Gate.RequireOutside();
        if (Interlocked.Exchange(ref _left, 1) == 0) Release();
    }

    /// <summary>The hidden states before the first layer and after each; the decoder's where there is one.</summary>
    internal IReadOnlyList<Tensor> AllStates(TrunkInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        var states = new List<Tensor>();
        Tensor last = Run(input, context, WantedStates.All, .., states);
        long learned = states[^1].shape[1] - last.shape[1];
        return learned == 0 ? states : [.. states.Select(own => own.narrow(1, learned, own.shape[1] - learned))];
    }

    /// <exception cref="ObjectDisposedException">Its last holder is gone.</exception>
    internal void RequireHeld() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _holders) <= 0, this);

    /// <summary>Another holder: a head.</summary>
    internal void Retain()
    {
        int found;
        do
        {
            found = Volatile.Read(ref _holders);
            ObjectDisposedException.ThrowIf(found <= 0, this);
        }
        while (Interlocked.CompareExchange(ref _holders, found + 1, found) != found);
    }

    /// <summary>A holder less; the last frees the tensors.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0) return;
        Weights.Dispose();
        FrozenStates.Dispose();
    }

    /// <summary>The tensors of a folder, without a prefix that all of them share and the family does not know.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">Its config.json.</param>
    /// <param name="model">Its family.</param>
    /// <param name="quantization">In how few bits linear layers are asked for.</param>
    /// <exception cref="CheckpointException">The files are missing, damaged, hostile or quantized otherwise than is asked for.</exception>
    internal static (ITensorSource Source, string Prefix) OpenTensors(string folder, ConfigFile config, FamilyModel model, WeightQuantization? quantization)
    {
        ITensorSource stored = CheckpointFiles.Open(folder);
        try
        {
            QuantizedCheckpoint.Refuse(config, stored, folder, quantization);
            string prefix = SharedPrefix.Of([.. stored.Tensors.Keys], model.Begins);
            return (SharedPrefix.Without(stored, prefix), prefix);
        }
        catch
        {
            stored.Dispose();
            throw;
        }
    }

    /// <summary>Reads a trunk of a folder and, in the same reading, a head: what is missing is reported together.</summary>
    /// <param name="folder">config.json and weights.</param>
    /// <param name="options">Seed, dropout, device.</param>
    /// <param name="head">Makes the head, which is to hold the trunk; gives null where there is none.</param>
    internal static (Trunk Trunk, OutputHead? Head) Read(
        string folder, ModelLoadOptions options, Func<(Trunk Trunk, CheckpointReader Reader), OutputHead?> head)
    {
        ConfigFile config = ConfigFile.Read(folder).WithDropout(options.Dropout);
        FamilyModel model = ModelFamilies.Of(config).Read(config);
        (ITensorSource source, string prefix) = OpenTensors(folder, config, model, options.Quantization);
        using (source)
        {
            (Trunk trunk, OutputHead? made) = Open(model, config, source, folder, options, head);
            trunk.LoadReport = SharedPrefix.Restored(trunk.LoadReport, prefix);
            return (trunk, made);
        }
    }

    /// <summary>Makes a trunk, and a head on it, of tensors or of random numbers.</summary>
    /// <param name="model">Plans and names.</param>
    /// <param name="config">config.json.</param>
    /// <param name="source">The tensors. Null: all are drawn.</param>
    /// <param name="folder">What messages call the checkpoint.</param>
    /// <param name="options">Seed, device.</param>
    /// <param name="head">Makes the head; gives null where there is none.</param>
    internal static (Trunk Trunk, OutputHead? Head) Open(
        FamilyModel model, ConfigFile config, ITensorSource? source, string folder, ModelLoadOptions options,
        Func<(Trunk Trunk, CheckpointReader Reader), OutputHead?> head)
    {
        var violations = new List<string>();
        options.Quantization?.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        using var reader = new CheckpointReader(source, model.Names, folder, options);
        var trunk = new Trunk(model, config, reader);
        OutputHead? made = null;
        try
        {
            made = head((trunk, reader));
            trunk.LoadReport = reader.Finish();
            if (source is not null) FiniteWeights.Require(made?.Weights ?? trunk.Weights, folder);
            return (trunk, made);
        }
        catch
        {
            made?.Dispose();
            trunk.Dispose();
            throw;
        }
    }

    /// <summary>Makes a trunk, and a head on it, of random numbers.</summary>
    internal static (Trunk Trunk, OutputHead? Head) Draw(
        string configuration, ModelLoadOptions options, Func<(Trunk Trunk, CheckpointReader Reader), OutputHead?> head)
    {
        ConfigFile config = ConfigFile.Parse("config.json", configuration).WithDropout(options.Dropout);
        return Open(ModelFamilies.Of(config).Read(config), config, null, "config.json", options, head);
    }

    private Tensor Run(TrunkInput input, ForwardContext context, WantedStates wanted, Range layers, List<Tensor>? states)
    {
        Stack stack = _decoder ?? _encoder!;
        (int first, int count) = layers.GetOffsetAndLength(stack.Count);
        if (count == stack.Count && states is null && Kept(context) is { } kept && RowKeys.Of(input) is { } rows)
            return RunOnKept(kept, rows, input, context, wanted);
        if (wanted.IsMean) return Mean(Run(input, context, WantedStates.All, layers, states), input.OwnMask);
        if (context.Rows is not null && wanted.IndicesOrNull is { } indices)
        {
            Tensor all = Run(input, context, WantedStates.All, layers, states);
            return all.reshape(-1, all.shape[2]).index_select(0, indices);
        }
        (Tensor States, Tensor? Mask)? memory = _encoder is null || _decoder is null || count == 0 ? null : MemoryOf(input, context);
        if (Prompt is null || LeadsSource)
        {
            RequirePositions(input);
            return stack.Forward(new(input, memory, wanted.Resolve(input), first, first + count, states), context, Weights);
        }
        TrunkInput whole = TrunkPrompt.Before(Prompt, input, context);
        RequirePositions(whole);
        long learned = whole.Tokens - input.Tokens;
        Wanted? chosen = (learned == 0 ? wanted : wanted.Behind(learned, input.Tokens)).Resolve(whole);
        Tensor hidden = stack.Forward(new(whole, memory, chosen, first, first + count, states), context, Weights);
        return learned == 0 || !wanted.IsAll ? hidden : hidden.narrow(1, learned, input.Tokens);
    }

    private (Tensor States, Tensor? Mask) MemoryOf(TrunkInput input, ForwardContext context)
    {
        if (input.Memory is null && input.Source is null)
            throw new ArgumentException("a decoder that reads an encoder needs its states; give Source or Memory", nameof(input));
        Tensor states = input.Memory ?? Encode(input.Source!, context);
        Tensor? mask = input.MemoryMask ?? input.Source?.Mask;
        return (states, LeadsSource ? TrunkPrompt.OfMemory(mask, states) : mask);
    }

    private IFrozenStates? Kept(ForwardContext context) =>
        context is { Embedded: null, Normalized: null, Noise: null, Rows: null, Frozen: { } kept } && kept.Trunk == this && Prompt is null ? kept : null;

    // The lowest layers from what is kept of them, the others as ever.
    private Tensor RunOnKept(IFrozenStates kept, RowKeys rows, TrunkInput input, ForwardContext context, WantedStates wanted)
    {
        Stack stack = _decoder ?? _encoder!;
        int frozen = _decoder is null ? kept.Layers.Encoder : kept.Layers.Decoder;
        ForwardContext plain = context.WithoutFrozen();
        StateKind Kind(string choice) => new(_decoder is not null, frozen, choice, context.ComputeType);
        if (frozen == stack.Count && wanted.OneVector is { } choice)
            return kept.Of(Kind(choice), rows.OneVector(), () => Run(input, plain, wanted, .., null));
        TrunkInput from = frozen == 0 ? input
            : input.From(kept.Of(Kind(""), rows, () => Run(input, plain, WantedStates.All, ..frozen, null)));
        bool readsMemory = _encoder is not null && _decoder is not null && frozen < stack.Count;
        (Tensor States, Tensor? Mask)? memory = readsMemory ? MemoryOf(input, context) : null;
        int end = kept.IsFilling ? frozen : stack.Count;
        Tensor hidden = stack.Forward(new(from, memory, wanted.Resolve(input), frozen, end, null), context, Weights);
        return wanted.IsMean ? Mean(hidden, input.OwnMask) : hidden;
    }

    /// <summary>The mean of the real tokens' states, [batch, 1, hidden].</summary>
    internal static Tensor Mean(Tensor hidden, Tensor? mask)
    {
        if (mask is null) return hidden.mean([1], keepdim: true);
        Tensor real = mask.to(hidden.dtype).unsqueeze(2);
        return (hidden * real).sum(1, keepdim: true) / real.sum(1, keepdim: true);
    }

    private void RequirePositions(TrunkInput input)
    {
        if (input.Tokens == 0) throw new ArgumentException("a row has no tokens, but the model needs at least one; leave empty texts out", nameof(input));
        long tokens = input.Past + input.Tokens;
        if (tokens > Plan.MaximumTokens && input.Segments is null)
        {
            throw new ArgumentException(
                $"a row has {tokens} tokens, but the model has positions for {Plan.MaximumTokens}; cut the text or set MaximumLength", nameof(input));
        }
    }
}
