using System.Runtime.CompilerServices;
using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>
/// One score for a prompt with a completion: how good the completion is, learned from pairs (Bradley and Terry 1952; Ouyang et al. 2022, equation 1).
/// Scores are compared with each other; alone they mean nothing. A decoder is read at its last token, an encoder as in classification.
/// </summary>
/// <remarks>Scoring is thread-safe; while a run trains the model it is refused. The caller that creates the model disposes it.</remarks>
public sealed class RewardModel : TunableModel<PreferencePair>, IPredictor<string, double>
{
    private readonly RewardModelOptions _options;
    private readonly RewardText _text;
    private readonly UntrainedHead _untrained;
    private readonly int _longest;
    private readonly ConditionalWeakTable<EncodingReport, PreferenceLint> _lints = [];

    private RewardModel(OutputHead head, PretrainedTokenizer tokenizer, RewardModelOptions options, string name)
    {
        (Head, Tokenizer, _options) = (head, tokenizer, options);
        _text = new(head.Trunk, tokenizer);
        _untrained = new(head, name, options.Logger);
        _longest = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength, cuts: false);
    }

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <summary>Whether the head was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: scores mean nothing yet.</summary>
    public bool HasUntrainedHead => _untrained.IsUntrained;

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>Loads a reward model; see <c>Pretrained.RewardModel</c>.</summary>
    internal static RewardModel Load(Backbone backbone, RewardModelOptions? options)
    {
        options ??= new RewardModelOptions();
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return backbone.Open(HeadKind.SequenceClassification, 1, options.LoadOptions(),
            (head, tokenizer) => new RewardModel(head, tokenizer, options, backbone.Name));
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(PreferencePair example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        TextOrTurns prompt = ExampleParts.Require(example.Prompt, "prompt");
        PreferenceEncoding.CheckMargin(example);
        if (example.Tools?.Contains(null!) == true) throw new TrainingDataException("Tools of the record holds null; leave it out");
        TokenizedRow chosen = Side("chosen", prompt, ExampleParts.Require(example.Chosen, "chosen"), example.Tools);
        TokenizedRow rejected = Side("rejected", prompt, ExampleParts.Require(example.Rejected, "rejected"), example.Tools);
        if (Math.Max(chosen.Length, rejected.Length) > _longest)
        {
            if (_options.TooLong == LostTargets.Refuse) throw new TrainingDataException(TooLong(chosen, rejected));
            report.Skip("longer than the maximal length");
            return null;
        }
        _lints.GetValue(report.Whole, _ => new()).Add(example, chosen.Length, rejected.Length, report);
        return new RewardRow(chosen, rejected, example.Margin);
    }

    internal override RowFormat RowFormat =>
        new(RewardRow.Read, Tokenizer, [_longest, _options.TooLong, Head.Trunk.Plan.TypeVocabularySize, Head.Trunk.Plan.Encoder is null]);

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        OwnRows.CheckLength(rows, paddedLength);
        RewardRow[] pairs = [.. rows.Select(OwnRows.Of<RewardRow>)];
        EncodedRow[] sides = [.. pairs.Select(pair => pair.Chosen), .. pairs.Select(pair => pair.Rejected)];
        return new RewardBatch(rows, paddedLength, Stack(sides, paddedLength / 2));
    }

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        // As in preference tuning nothing is dropped: both sides of a pair are compared by one function.
        (Tensor chosen, Tensor rejected) = Rewards(batch, context.WithoutDropout());
        return Losses(batch, chosen, rejected).sum();
    }

    /// <summary>What a user's metric gets: the margin of a pair (0 where it has none), and by how much the chosen score is above the rejected one.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(double), typeof(double));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new Evaluation(this);

    /// <summary>The score of a text; of a prompt with its completion better the overload.</summary>
    /// <param name="text">The whole text.</param>
    /// <exception cref="ArgumentException">The text is longer than the model takes.</exception>
    /// <exception cref="NonFiniteException">The model computed NaN or infinite numbers.</exception>
    public double Score(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Score("", new TextOrTurns(text));
    }

    /// <summary>The score of a completion, read as in training.</summary>
    /// <param name="prompt">What the completion answers: a text, or turns.</param>
    /// <param name="completion">A text, or turns.</param>
    /// <exception cref="ArgumentException">Both together are longer than the model takes, or cannot be read.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the turns.</exception>
    /// <exception cref="NonFiniteException">The model computed NaN or infinite numbers.</exception>
    public double Score(TextOrTurns prompt, TextOrTurns completion) => Score([Row(prompt, completion)], CancellationToken.None)[0];

    /// <inheritdoc/>
    public double Predict(string input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Score(input);
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(inputs, nameof(inputs));
        return Score([.. inputs.Select(text => Row("", new TextOrTurns(text)))], cancellation);
    }

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open as a sequence classifier with one label: config.json, weights, tokenizer files.
    /// The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder) => HeadFolder.Save(folder, Head, Tokenizer, new SavedLabels(["LABEL_0"]));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }

    private TokenizedRow Side(string name, TextOrTurns prompt, TextOrTurns completion, IReadOnlyList<ChatTool>? tools) =>
        PreferenceEncoding.Side(name, () => _text.Row(prompt, completion, tools));

    private string TooLong(TokenizedRow chosen, TokenizedRow rejected) =>
        $"'{(chosen.Length > _longest ? "chosen" : "rejected")}' has {Math.Max(chosen.Length, rejected.Length)} tokens with its prompt, but the model takes "
        + $"{_longest}: shorten it, raise MaximumLength, or set TooLong to Skip";

    private TokenizedRow Row(TextOrTurns prompt, TextOrTurns completion)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(completion);
        TokenizedRow row;
        try
        {
            row = _text.Row(prompt, completion);
        }
        catch (TrainingDataException fault)
        {
            throw new ArgumentException(fault.Message, fault);
        }
        return row.Length <= _longest ? row
            : throw new ArgumentException($"the text has {row.Length} tokens, but the model takes {_longest}: shorten it, or raise MaximumLength");
    }

    private double[] Score(TokenizedRow[] rows, CancellationToken cancellation)
    {
        _untrained.Answers();
        return PredictionBatches.Run<TokenizedRow, double>(Weights, rows, (some, length) =>
            [.. PredictionBatches.Split(Head.Logits(Stack(some, length), ForwardContext.Evaluation()), some.Length)
                .Select(scores => (double)scores[0])], cancellation);
    }

    private TrunkInput Stack(IReadOnlyList<EncodedRow> rows, int width) => TokenizedBatch.Stack(rows, width, EncoderText.PadId(Head.Trunk, Tokenizer), Device);

    private (Tensor Chosen, Tensor Rejected) Rewards(Batch batch, ForwardContext context)
    {
        Tensor rewards = Head.Logits(OwnRows.Batch<RewardBatch>(batch).Input, context).squeeze(1);
        int pairs = batch.Rows.Count;
        return (rewards.narrow(0, 0, pairs), rewards.narrow(0, pairs, pairs));
    }

    private Tensor Losses(Batch batch, Tensor chosen, Tensor rejected)
    {
        float[] margins = [.. batch.Rows.Select(row => (float)(((RewardRow)row).Margin ?? 0))];
        Tensor? margin = margins.All(value => value == 0) ? null : tensor(margins, ScalarType.Float32, Device);
        return RewardLoss.PerPair(chosen, rejected, margin, _options.Centering);
    }

    private sealed class Evaluation(RewardModel model) : IEvaluation
    {
        private readonly PreferenceAccumulator _accumulator = new();
        private readonly MetricCollector<double, double> _user = model.CollectMetrics<double, double>();

        public void Add(Batch batch, ForwardContext context)
        {
            (Tensor chosen, Tensor rejected) = model.Rewards(batch, context);
            double sum = model.Losses(batch, chosen, rejected).sum().Number();
            (float[] above, float[] below) = (chosen.cpu().data<float>().ToArray(), rejected.cpu().data<float>().ToArray());
            _accumulator.Add(sum, above, below);
            for (int i = 0; i < above.Length && _user.Any; i++) _user.Add(((RewardRow)batch.Rows[i]).Margin ?? 0, (double)above[i] - below[i]);
        }

        public MetricReport Report() => _user.Extend(_accumulator.Report());
    }
}
