using FineTuning.Errors;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>An output layer on a trunk: from hidden states to scores, as the family's checkpoints build it.</summary>
/// <remarks>
/// It owns its own weights and holds the trunk, which other heads may sit on too: training one head moves the trunk of all. Forward passes are thread-safe
/// while nothing trains. The caller that makes a head disposes it.
/// </remarks>
public sealed class OutputHead : IDisposable
{
    private readonly HeadPlan _plan;
    private readonly HeadDense? _dense;
    private readonly Linear? _output;
    private int _disposed;

    private OutputHead(Trunk trunk, HeadKind kind, int outputs, CheckpointReader reader)
    {
        (Trunk, Kind, Outputs, _plan) = (trunk, kind, outputs, trunk.Model.Head(kind, trunk.Config));
        Weights = new WeightSet(trunk.Weights);
        trunk.Retain();
        try
        {
            (_dense, _output) = Make(reader);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private (HeadDense? Dense, Linear? Output) Make(CheckpointReader reader)
    {
        (Trunk trunk, HeadKind kind, int outputs) = (Trunk, Kind, Outputs);
        HeadSource from = HeadSource.Of(kind, new CheckpointHead(trunk.Config), reader.Options.FreshHead);
        var builder = new WeightBuilder(reader, Weights, Modules, trunk.Plan, _plan, from);
        int depth = Weights.HeadDepth, hidden = trunk.Plan.HiddenSize;
        bool hasDense = _plan.Dense is { } dense && (!_plan.IsOptional || builder.Holds(dense.Name));
        HeadDense? below = hasDense ? HeadDense.Make(builder, _plan.Dense!, depth, hidden) : null;
        if (_plan.Output is not { } plan) return (below, null);
        int width = _plan.Dense?.Width ?? hidden;
        Weight? matrix = null;
        // A matrix in the file that is not the embeddings wins over config.json, as in the reference: a copy of them is stored often, another one on purpose.
        if (plan.TiedToEmbeddings && !builder.HoldsOther("head.output.weight", trunk.TokenTable.Weight)) matrix = trunk.TokenTable.Weight;
        matrix ??= builder.Make("head.output.weight", WeightKind.Matrix, depth, outputs, width);
        Weight? bias = plan.Bias ? builder.Make(plan.BiasName + ".bias", WeightKind.Bias, depth, outputs) : null;
        if (plan.BiasIsFixed) bias?.Freeze();
        return (below, builder.Linear("head.output", matrix, bias, ReferenceEquals(matrix, trunk.TokenTable.Weight)));
    }

    /// <summary>What it sits on.</summary>
    public Trunk Trunk { get; }

    /// <summary>What it is for.</summary>
    public HeadKind Kind { get; }

    /// <summary>How many scores it gives; 0 without an output layer.</summary>
    public int Outputs { get; }

    /// <summary>The trunk's weights and its own; it owns its own.</summary>
    public WeightSet Weights { get; }

    /// <summary>What became of every tensor of the checkpoint.</summary>
    public LoadReport LoadReport { get; private set; } = new([], [], []);

    /// <summary>Where the weights are.</summary>
    public Device Device => Trunk.Device;

    /// <summary>Its own linear layers by the checkpoint's names.</summary>
    internal ModuleIndex Modules { get; } = new();

    /// <summary>Whether the output matrix is that of the token embeddings.</summary>
    internal bool IsTied => _output is { Matrix: DenseMatrix dense } && ReferenceEquals(dense.Weight, Trunk.TokenTable.Weight);

    /// <summary>
    /// Opens a checkpoint folder with a head; what the checkpoint does not have of the head is drawn fresh and listed in <see cref="LoadReport"/>.
    /// </summary>
    /// <param name="folder">config.json and weights.</param>
    /// <param name="kind">What the head is for.</param>
    /// <param name="outputs">How many scores it gives: labels, tags; ignored where the head decides itself (none, start and end, the vocabulary).</param>
    /// <param name="options">Seed, dropout, device. Null: the defaults.</param>
    /// <returns>A head that alone holds its trunk.</returns>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, or tensors are missing or of another shape: all are listed.</exception>
    public static OutputHead Load(string folder, HeadKind kind, int outputs = 0, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ArgumentNullException.ThrowIfNull(kind);
        FineTuningRuntime.Load();
        return WholeFolder.Read(folder, () => Alone(Trunk.Read(folder, options ?? new ModelLoadOptions(), Maker(kind, outputs))));
    }

    /// <summary>Makes a model of random weights from the text of a config.json.</summary>
    /// <param name="configuration">The text.</param>
    /// <param name="kind">What the head is for.</param>
    /// <param name="outputs">How many scores it gives.</param>
    /// <param name="options">Seed, dropout, device. Null: the defaults.</param>
    /// <returns>A head that alone holds its trunk.</returns>
    /// <exception cref="CheckpointException">The configuration is invalid.</exception>
    public static OutputHead Create(string configuration, HeadKind kind, int outputs = 0, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(configuration);
        ArgumentNullException.ThrowIfNull(kind);
        FineTuningRuntime.Load();
        return Alone(Trunk.Draw(configuration, options ?? new ModelLoadOptions(), Maker(kind, outputs)));
    }

    /// <summary>Puts a head on a trunk, which other heads keep using: with the tensors of the folder that the trunk was loaded from, or fresh.</summary>
    /// <param name="trunk">Held by the head from now on; its loader may dispose it.</param>
    /// <param name="kind">What the head is for.</param>
    /// <param name="outputs">How many scores it gives.</param>
    /// <param name="options">Seed of a fresh head. Null: the defaults. Dropout and device are the trunk's.</param>
    /// <exception cref="CheckpointException">The family has no such head, or the folder's has another size;
    /// see <see cref="ModelLoadOptions.FreshHead"/>.</exception>
    public static OutputHead On(Trunk trunk, HeadKind kind, int outputs = 0, ModelLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        ArgumentNullException.ThrowIfNull(kind);
        trunk.RequireHeld();
        string folder = trunk.Folder ?? "the model in memory";
        options = (options ?? new ModelLoadOptions()) with { Device = trunk.Device.ToString(),
            MasterType = trunk.TokenTable.Weight.Value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32,
            Quantization = trunk.Quantization };
        (ITensorSource Source, string Prefix) tensors = trunk.Folder is null ? (new NoTensors(), "")
            : Trunk.OpenTensors(trunk.Folder, trunk.Config, trunk.Model, trunk.Quantization);
        using ITensorSource source = tensors.Source;
        using var reader = new CheckpointReader(source, trunk.Model.Names, folder, options);
        var head = new OutputHead(trunk, kind, OutputsOf(trunk, kind, outputs), reader);
        try
        {
            LoadReport own = SharedPrefix.Restored(reader.Finish(), tensors.Prefix);
            head.LoadReport = new([.. trunk.LoadReport.Mapped, .. own.Mapped], own.Fresh,
                [.. trunk.LoadReport.Ignored.Except(own.Mapped, StringComparer.Ordinal)]);
            FiniteWeights.Require([.. head.Weights.Skip(trunk.Weights.Count)], folder);
            return head;
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>The labels that a folder's config.json names, by output; empty where it names none.</summary>
    /// <param name="folder">The checkpoint folder.</param>
    /// <exception cref="CheckpointException">config.json is missing or invalid.</exception>
    internal static IReadOnlyDictionary<int, string> ReadLabels(string folder) => ConfigFile.Read(folder).Labels();

    /// <summary>What a folder's config.json says of its head.</summary>
    /// <exception cref="CheckpointException">config.json is missing or invalid.</exception>
    internal static CheckpointHead ReadHead(string folder) => new(ConfigFile.Read(folder));

    /// <summary>The head's scores.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[batch, outputs] for a head over sequences, [batch, tokens, outputs] for the others, float32</returns>
    /// <exception cref="InvalidOperationException">There is no output layer.</exception>
    public Tensor Logits(TrunkInput input, ForwardContext context)
    {
        RequireOutput();
        ArgumentNullException.ThrowIfNull(input);
        using WeightPass pass = Weights.Enter();
        return ScoreStates(States(input, context), context);
    }

    /// <summary>The hidden states that the head reads.</summary>
    /// <returns>[batch, hidden] for a head over sequences, [batch, tokens, hidden] for the others</returns>
    internal Tensor States(TrunkInput input, ForwardContext context) =>
        Trunk.Hidden(Read(input), context, Wanted) is var hidden && Wanted.IsAll ? hidden : hidden.squeeze(1);

    /// <summary>Of which tokens.</summary>
    internal WantedStates Wanted => _plan.Reads switch
    {
        HeadReads.First => WantedStates.First,
        HeadReads.LastReal => WantedStates.LastReal,
        HeadReads.LastEnd => WantedStates.LastOf(_plan.EndTokenId!.Value),
        HeadReads.Mean => WantedStates.Mean,
        _ => WantedStates.All,
    };

    /// <summary>What of a batch the trunk reads for it.</summary>
    internal TrunkInput Read(TrunkInput input) => _plan.Reads == HeadReads.LastEnd && input.Source is null
        ? input.ForBothSides(Trunk.Plan.DecoderStartTokenId!.Value) : input;

    /// <summary>The scores of such states.</summary>
    internal Tensor ScoreStates(Tensor states, ForwardContext context) => Score(states, Own(context));

    /// <summary>
    /// The scores of a head over tokens at some indices only: where these are few, neither the head nor the last
    /// feed-forward network is computed for the others.
    /// </summary>
    /// <param name="input">The batch.</param>
    /// <param name="indices">Indices in the flattened batch (row times tokens plus token), [indices], int64.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[indices, outputs], float32</returns>
    /// <exception cref="InvalidOperationException">There is no output layer, or it scores sequences.</exception>
    public Tensor LogitsAt(TrunkInput input, Tensor indices, ForwardContext context)
    {
        RequireOutput();
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(context);
        using WeightPass pass = Weights.Enter();
        if (_plan.Reads != HeadReads.All) throw new InvalidOperationException("a head over sequences has no scores at indices of tokens");
        // Picking rows costs a copy forward and back, as wide as what is picked: of hidden states where few are wanted, else of the narrow scores.
        if (2 * indices.shape[0] <= input.Ids.numel() && context.Rows is null) return Score(Trunk.Hidden(input, context, WantedStates.At(indices)),
            Own(context));
        Tensor scores = Logits(input, context);
        return scores.reshape(-1, scores.shape[2]).index_select(0, indices);
    }

    /// <summary>Writes trunk and head as config.json and model.safetensors in Hugging Face's names.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="labels">What config.json says of the outputs. Null: what it said before.</param>
    /// <param name="stored">
    /// The type of the numbers in the file. bfloat16 halves the file and rounds each weight to 8 significant bits; the model in memory stays as it is.
    /// </param>
    public void Save(string folder, SavedLabels? labels = null, Precision stored = Precision.Float32)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        if (!Enum.IsDefined(stored)) throw new ArgumentOutOfRangeException(nameof(stored), stored, $"it is {string.Join(" or ", Enum.GetNames<Precision>())}");
        using WeightPass pass = Weights.Enter();
        CheckpointWriter.Write(folder, this, labels, stored);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Gate.RequireOutside();
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Weights.Dispose();
        Trunk.Release();
    }

    /// <summary>Gives the output layer a matrix of its own, a copy of that of the embeddings, which it shared. Nobody reads meanwhile.</summary>
    /// <returns>What <see cref="Tie"/> takes; null: it has one already.</returns>
    internal Weight? Untie()
    {
        if (!IsTied) return null;
        Weight shared = Trunk.TokenTable.Weight;
        const string Name = "head.output.weight";
        TensorName stored = Trunk.Model.Names.TryMap(Name, _plan.Names)
            ?? throw new InvalidOperationException(
                $"checkpoints of the kind '{Trunk.Plan.ModelType}' have no output layer apart from the embeddings: the two cannot be untied");
        Tensor copy = shared.Own.detach().clone();
        WeightPart part = new(stored.Prefix, stored.Name, 0, copy.shape[0]);
        Weight own = Weights.Add(Name, copy, WeightKind.Matrix, Weights.HeadDepth, [part]);
        if (!shared.CanTrain) own.Freeze();
        _output!.Matrix = new DenseMatrix(own);
        return own;
    }

    /// <summary>Lets the output layer share the matrix of the embeddings again. Nobody reads meanwhile.</summary>
    internal void Tie(Weight untied)
    {
        _output!.Matrix = new DenseMatrix(Trunk.TokenTable.Weight);
        Weights.Remove(untied);
    }

    /// <summary>What a base checkpoint's pooler makes of the first token, [batch, hidden]; null where it has none.</summary>
    internal Tensor? Pooled(TrunkInput input, ForwardContext context)
    {
        using WeightPass pass = Weights.Enter();
        return _dense?.Forward(Trunk.Hidden(input, context, WantedStates.First).select(1, 0), Own(context)).to(context.ResultType);
    }

    /// <summary>From hidden states to scores, on any leading dimensions.</summary>
    internal Tensor Score(Tensor hidden, ForwardContext context) => Project(Features(hidden, context), context);

    /// <summary>The sum over tokens of the cross-entropy of a head over the vocabulary; its scores never exist whole.</summary>
    /// <param name="hidden">[tokens, hidden]</param>
    /// <param name="targets">The id that each predicts, [tokens], int64.</param>
    /// <param name="tokenWeights">What each token's loss counts, [tokens], float32; null: 1.</param>
    /// <param name="smoothing">The share of the target that is spread over all words, from 0 to below 1.</param>
    /// <param name="context">The pass.</param>
    /// <returns>A scalar.</returns>
    internal Tensor SumLosses(Tensor hidden, Tensor targets, Tensor? tokenWeights, double smoothing, ForwardContext context)
    {
        RequireOutput();
        using WeightPass pass = Weights.Enter();
        ForwardContext own = Own(context);
        Tensor features = Features(hidden, own);
        if (Plain(features, targets, own) is { } layer) return ChunkedCrossEntropy.Sum(layer with { Smoothing = smoothing, TokenWeights = tokenWeights });
        return Parts(features, own, (scores, start) =>
        {
            Tensor logs = nn.functional.log_softmax(scores, -1), ids = targets.narrow(0, start, scores.shape[0]);
            Tensor losses = Picked(logs, ids).neg();
            if (smoothing > 0) losses = (losses * Held(1 - smoothing)).Plus(logs.mean([1]) * Held(-smoothing));
            return (tokenWeights is null ? losses : losses * tokenWeights.narrow(0, start, ids.shape[0])).sum();
        }).Aggregate((sum, part) => sum.Plus(part));
    }

    /// <summary>The log-probability of each target of a head over the vocabulary; its scores never exist whole.</summary>
    /// <param name="hidden">[tokens, hidden]</param>
    /// <param name="targets">The id that each predicts, [tokens], int64.</param>
    /// <param name="context">The pass.</param>
    /// <returns>[tokens]</returns>
    internal Tensor LogProbabilities(Tensor hidden, Tensor targets, ForwardContext context)
    {
        RequireOutput();
        using WeightPass pass = Weights.Enter();
        ForwardContext own = Own(context);
        Tensor features = Features(hidden, own);
        if (Plain(features, targets, own) is { } layer) return TokenLogProbabilities.Of(layer);
        return cat([.. Parts(features, own, (scores, start) =>
            Picked(nn.functional.log_softmax(scores, -1), targets.narrow(0, start, scores.shape[0])))], 0);
    }

    /// <summary>The sum of what is made of the scores of a few tokens at a time, which never exist whole; they are made again in the backward pass.</summary>
    /// <param name="hidden">[tokens, hidden], at least one.</param>
    /// <param name="make">A scalar of scores, [some tokens, outputs], and of the index of the first of these tokens.</param>
    /// <param name="context">The pass.</param>
    /// <returns>A scalar.</returns>
    internal Tensor SumOverTokens(Tensor hidden, Func<Tensor, long, Tensor> make, ForwardContext context)
    {
        RequireOutput();
        ForwardContext own = Own(context);
        return Parts(Features(hidden, own), own, make).Aggregate((sum, part) => sum.Plus(part));
    }

    private static Tensor Picked(Tensor logs, Tensor targets) => logs.gather(1, targets.unsqueeze(1)).squeeze(1);

    // What is made of the scores of a few tokens at a time, [tokens, words], which are made again in the backward pass.
    private IEnumerable<Tensor> Parts(Tensor features, ForwardContext own, Func<Tensor, long, Tensor> make)
    {
        long start = 0;
        foreach (Tensor part in features.split(LinearTargets.TokensAtOnce, 0))
        {
            long first = start;
            yield return Recomputation.Of(read => make(Project(read[0], own.Again()), first), [part]);
            start += part.shape[0];
        }
    }

    // The output layer as one product. Null: an adapter adds to it, which has gradients of its own that autograd makes.
    private LinearTargets? Plain(Tensor features, Tensor targets, ForwardContext own)
    {
        if (_output is not { IsAdapted: false, Matrix: DenseMatrix dense }) return null;
        Tensor read = features.dtype == own.ComputeType ? features : features.to(own.ComputeType);
        return new(read, own.Compute(dense.Weight), _output.Bias is null ? null : own.Compute(_output.Bias), targets) { SoftCap = _plan.Output!.SoftCap };
    }

    private Tensor Features(Tensor hidden, ForwardContext context)
    {
        Tensor features = context.Dropout(hidden, _plan.InputDropout, DropoutSite.HeadInput);
        if (_dense is not null) features = _dense.Forward(features, context);
        features = context.Dropout(features, _plan.Dropout, DropoutSite.HeadOutput);
        return _plan.Output!.Scale == 1 ? features : features * Held(_plan.Output.Scale);
    }

    private Tensor Project(Tensor features, ForwardContext context)
    {
        Tensor scores = _output!.Forward(features, context).to(context.ResultType);
        return _plan.Output!.SoftCap is { } cap ? (scores / Held(cap)).tanh() * Held(cap) : scores;
    }

    private static Func<(Trunk Trunk, CheckpointReader Reader), OutputHead?> Maker(HeadKind kind, int outputs) =>
        own => new OutputHead(own.Trunk, kind, OutputsOf(own.Trunk, kind, outputs), own.Reader);

    // From here on the head is the only holder of its trunk.
    private static OutputHead Alone((Trunk Trunk, OutputHead? Head) read)
    {
        read.Head!.LoadReport = read.Trunk.LoadReport;
        read.Trunk.Dispose();
        return read.Head;
    }

    private static int OutputsOf(Trunk trunk, HeadKind kind, int outputs)
    {
        if (trunk.Model.Head(kind, trunk.Config).Output is not { } plan) return 0;
        if (plan.IsOverVocabulary) return trunk.Plan.VocabularySize;
        if (plan.Count is { } count) return count;
        return outputs >= 1 ? outputs : throw new ArgumentOutOfRangeException(nameof(outputs), outputs, "the head needs at least one output");
    }

    private void RequireOutput()
    {
        if (_output is null) throw new InvalidOperationException("the model was loaded without a head");
    }

    // What does not train drops nothing.
    private ForwardContext Own(ForwardContext context) => context.IsTraining ? context.Head(!Weights.IsFrozen(Weights.HeadDepth)) : context;

    private sealed class NoTensors : ITensorSource
    {
        public IReadOnlyDictionary<string, StoredTensor> Tensors { get; } = new Dictionary<string, StoredTensor>();

        public Tensor Read(string name) => throw new KeyNotFoundException(name);

        public void Dispose()
        {
            // There is nothing to free.
        }
    }
}
