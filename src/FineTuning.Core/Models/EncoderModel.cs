using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A pretrained encoder with the head of one task.</summary>
/// <remarks>Forward passes are thread-safe; while a run trains the model they are refused. Whoever loads the model disposes it, once, also where several heads share it.</remarks>
public sealed class EncoderModel : IDisposable
{
    private readonly ConfigFile _config;
    private readonly EncoderFamily _family;
    private readonly EncoderStack _stack;
    private readonly OutputLayers? _head;
    private readonly HeadDense? _pooler;
    private readonly Weight[][] _byDepth;

    private EncoderModel(ConfigFile config, EncoderFamily family, ModelSpec spec, HeadKind kind, int outputs, ITensorSource? source, string folder, ModelLoadOptions options, HeadKind? held = null)
    {
        (_config, _family, Spec, Head, Outputs, Device) = (config, family, spec, kind, outputs, DeviceChoice.Resolve(options.Device));
        using var builder = new WeightBuilder(family.Names(config), kind, HeadSource.Of(kind, held, new CheckpointHead(config), options.FreshHead), source, folder, options, spec.InitializerRange);
        int depth = spec.LayerCount + 1;
        builder.Weights.HeadDepth = depth;
        _stack = EncoderStack.Make(builder, spec);
        _head = OutputLayers.Make(builder, spec, kind, outputs, _stack.Tokens);
        // Without a head the pooler gives nothing that hidden states need, but what a base checkpoint holds must be in what is saved.
        if (kind == HeadKind.None && builder.Holds(BertFamily.Pooler.Name)) _pooler = HeadDense.Make(builder, BertFamily.Pooler, spec, spec.HiddenSize);
        LoadReport = builder.Finish();
        Weights = builder.Weights;
        if (source is not null) RequireFinite(folder);
        _byDepth = [.. Enumerable.Range(0, depth + 1).Select(level => Weights.Where(weight => weight.Depth == level).ToArray())];
    }

    /// <summary>How the encoder is built.</summary>
    public ModelSpec Spec { get; }

    /// <summary>What the output layer is for.</summary>
    public HeadKind Head { get; }

    /// <summary>How many scores the head gives; 0 without one.</summary>
    public int Outputs { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device { get; }

    /// <summary>All weights, trunk and head.</summary>
    public WeightSet Weights { get; }

    /// <summary>What became of every tensor of the checkpoint.</summary>
    public LoadReport LoadReport { get; private set; }

    /// <summary>Opens a checkpoint folder.</summary>
    /// <param name="folder">config.json and weights.</param>
    /// <param name="head">The head; what the checkpoint does not have of it is drawn fresh and listed in <see cref="LoadReport"/>.</param>
    /// <param name="outputs">How many scores the head gives: labels, tags; ignored where the head decides itself (none, start and end, the vocabulary).</param>
    /// <param name="options">Seed, dropout, device; null: the defaults.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, or tensors are missing or of another shape: all are listed.</exception>
    public static EncoderModel Load(string folder, HeadKind head, int outputs = 0, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        FineTuningRuntime.Load();
        return WholeFolder.Read(folder, () => Read(folder, head, outputs, options ?? new ModelLoadOptions()));
    }

    private static EncoderModel Read(string folder, HeadKind head, int outputs, ModelLoadOptions options)
    {
        ConfigFile config = ConfigFile.Read(folder);
        EncoderFamily family = EncoderFamilies.Of(config);
        ModelSpec spec = WithDropout(family.ReadSpec(config), options.Dropout);
        using ITensorSource stored = CheckpointFiles.Open(folder);
        QuantizedCheckpoint.Refuse(config, stored, folder);
        string prefix = SharedPrefix.Of([.. stored.Tensors.Keys], family.Names(config).Begins);
        using ITensorSource source = SharedPrefix.Without(stored, prefix);
        var model = new EncoderModel(config, family, spec, head, OutputsOf(head, outputs, spec), source, folder, options);
        model.LoadReport = SharedPrefix.Restored(model.LoadReport, prefix);
        return model;
    }

    /// <summary>Makes a model of random weights from the text of a config.json.</summary>
    /// <param name="configuration">The text.</param>
    /// <param name="head">The head.</param>
    /// <param name="outputs">How many scores the head gives.</param>
    /// <param name="options">Seed, dropout, device; null: the defaults.</param>
    /// <exception cref="CheckpointException">The configuration is invalid.</exception>
    public static EncoderModel Create(string configuration, HeadKind head, int outputs = 0, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        FineTuningRuntime.Load();
        options ??= new ModelLoadOptions();
        ConfigFile config = ConfigFile.Parse("config.json", configuration);
        EncoderFamily family = EncoderFamilies.Of(config);
        ModelSpec spec = WithDropout(family.ReadSpec(config), options.Dropout);
        return new(config, family, spec, head, OutputsOf(head, outputs, spec), null, "config.json", options);
    }

    /// <summary>A copy of the trunk with another head: what was tuned for one task is the start of the next. This model stays as it is.</summary>
    /// <param name="head">The head; where it is the same as this model's, it is copied too, else it is drawn fresh and listed in <see cref="LoadReport"/>.</param>
    /// <param name="outputs">How many scores the head gives.</param>
    /// <param name="options">Seed, dropout, device; null: the defaults.</param>
    /// <returns>A model that the caller disposes; it shares nothing with this one.</returns>
    /// <exception cref="CheckpointException">A head of the same kind has another size; see <see cref="ModelLoadOptions.FreshHead"/>.</exception>
    public EncoderModel WithHead(HeadKind head, int outputs = 0, ModelLoadOptions? options = null)
    {
        options ??= new ModelLoadOptions();
        using WeightPass pass = Weights.Enter();
        ModelSpec spec = WithDropout(_family.ReadSpec(_config), options.Dropout);
        using var source = new WeightSource(Weights);
        return new(_config, _family, spec, head, OutputsOf(head, outputs, spec), source, "the model in memory", options, Head);
    }

    /// <summary>The labels that a folder's config.json names, by output; empty where it names none.</summary>
    /// <param name="folder">The checkpoint folder.</param>
    /// <exception cref="CheckpointException">config.json is missing or invalid.</exception>
    public static IReadOnlyDictionary<int, string> ReadLabels(string folder) => ConfigFile.Read(folder).Labels();

    /// <summary>What a folder's config.json says of its head.</summary>
    /// <exception cref="CheckpointException">config.json is missing or invalid.</exception>
    internal static CheckpointHead ReadHead(string folder) => new(ConfigFile.Read(folder));

    /// <summary>The last hidden states.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, tokens, hidden], float32</returns>
    public Tensor Hidden(EncoderInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        return Run(input, context, firstOnly: false, null);
    }

    /// <summary>The last hidden state of the first token, for which alone the last layer is computed where it can be.</summary>
    /// <returns>[batch, 1 or tokens, hidden], float32; the first along dimension 1 counts</returns>
    internal Tensor HiddenOfFirst(EncoderInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        return Run(input, context, firstOnly: true, null);
    }

    /// <summary>The head's scores.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, outputs] for a sequence head, [batch, tokens, outputs] for the others, float32</returns>
    public Tensor Logits(EncoderInput input, ForwardContext context)
    {
        if (_head is null) throw new InvalidOperationException("the model was loaded without a head");
        using WeightPass pass = Weights.Enter();
        Tensor hidden = Run(input, context, _head.FirstTokenOnly, null);
        return _head.Forward(hidden, input, Pass(Spec.LayerCount + 1, context));
    }

    /// <summary>The scores of a head over tokens at some places only: where these are few, neither the head nor the last feed-forward network is computed for the others.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="places">Places in the flattened batch (row times tokens plus token), [places], int64.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[places, outputs], float32</returns>
    public Tensor LogitsAt(EncoderInput input, Tensor places, ForwardContext context)
    {
        if (_head is null) throw new InvalidOperationException("the model was loaded without a head");
        ArgumentNullException.ThrowIfNull(places);
        if (Head == HeadKind.SequenceClassification) throw new InvalidOperationException("a head over sequences has no scores at places");
        using WeightPass pass = Weights.Enter();
        // Picking rows costs a copy forward and back, as wide as what is picked: of hidden states where few are wanted, else of the narrow scores.
        if (2 * places.shape[0] <= input.Ids.numel()) return _head.Forward(Run(input, context, firstOnly: false, null, places), input, Pass(Spec.LayerCount + 1, context));
        Tensor scores = Logits(input, context);
        return scores.reshape(-1, scores.shape[2]).index_select(0, places);
    }

    /// <summary>Writes config.json and model.safetensors in Hugging Face's names.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="labels">What config.json says of the outputs; null: what it said before.</param>
    /// <param name="stored">
    /// The type of the numbers in the file. bfloat16 halves the file and rounds each weight to 8 significant bits; the model in memory stays as it is.
    /// </param>
    /// <exception cref="CheckpointException">A weight is not finite, or would not be in bfloat16: it could not be loaded again.</exception>
    public void Save(string folder, SavedLabels? labels = null, Precision stored = Precision.Float32)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        if (!Enum.IsDefined(stored)) throw new ArgumentOutOfRangeException(nameof(stored), stored, $"it is {string.Join(" or ", Enum.GetNames<Precision>())}");
        using WeightPass pass = Weights.Enter();
        CheckpointWriter.Write(folder, _config, _family, Head, Weights, labels, stored);
    }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();

    /// <summary>The hidden states before the first layer and after each.</summary>
    internal IReadOnlyList<Tensor> HiddenStates(EncoderInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        var states = new List<Tensor>();
        Run(input, context, firstOnly: false, states);
        return states;
    }

    /// <summary>What a base checkpoint's pooler makes of the first token, [batch, hidden]; null where it has none.</summary>
    internal Tensor? Pooled(EncoderInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        return _pooler?.Forward(Run(input, context, firstOnly: true, null).select(1, 0), Pass(Spec.LayerCount + 1, context)).to(context.ResultType);
    }

    private void RequireFinite(string folder)
    {
        try
        {
            FiniteWeights.Require(Weights, folder);
        }
        catch
        {
            Weights.Dispose();
            throw;
        }
    }

    private static ModelSpec WithDropout(ModelSpec spec, double? dropout) =>
        dropout is { } rate ? spec with { Dropouts = spec.Dropouts.With(rate) } : spec;

    private static int OutputsOf(HeadKind head, int outputs, ModelSpec spec) => head switch
    {
        HeadKind.None => 0,
        HeadKind.QuestionAnswering => 2,
        HeadKind.MaskedLanguage => spec.VocabularySize,
        _ => outputs >= 1 ? outputs : throw new ArgumentOutOfRangeException(nameof(outputs), outputs, "the head needs at least one output"),
    };

    private Tensor Run(EncoderInput input, ForwardContext context, bool firstOnly, List<Tensor>? states, Tensor? places = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(context);
        long tokens = input.Ids.shape[1];
        if (tokens > Spec.MaximumTokens) throw new ArgumentException($"a row has {tokens} tokens, but the model has positions for {Spec.MaximumTokens}; cut the text or set MaximumLength", nameof(input));
        return _stack.Forward(input, firstOnly, states, depth => Pass(depth, context), places);
    }

    // Frozen parts build no graph, since none of their weights asks for a gradient, and drop nothing.
    private ForwardContext Pass(int depth, ForwardContext context) =>
        context.IsTraining && _byDepth[depth].Length > 0 && !Array.Exists(_byDepth[depth], weight => weight.IsTrainable) ? context.WithoutDropout() : context;
}
