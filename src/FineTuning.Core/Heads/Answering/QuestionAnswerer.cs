using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Answers to questions, found in a text of any length: a pretrained encoder with its tokenizer and scores for first and last tokens.</summary>
/// <remarks>
/// A text that is longer than the model takes is read in overlapping windows. Where no answer is allowed (SQuAD 2.0), a run with validation data tunes the
/// threshold on it, and the saved folder keeps it. Prediction is thread-safe; while a run trains the model it is refused.
/// The caller that creates the model disposes it.
/// </remarks>
public sealed class QuestionAnswerer : TunableModel<AnsweredQuestion>, IPredictor<(string Question, string Context), AnswerSpan>
{
    private const int QuestionsInAChunk = 64;

    private readonly QuestionAnswererOptions _options;
    private readonly AnswerWindows _windows;
    private readonly UntrainedHead _head;

    private QuestionAnswerer(OutputHead head, PretrainedTokenizer tokenizer, QuestionAnswererOptions options, AnsweringFile file, string name)
    {
        _head = new(head, name, options.Logger);
        (Head, Tokenizer, _options) = (head, tokenizer, options);
        MaximumLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumLength ?? file.MaximumLength);
        options.Validate(MaximumLength);
        Stride = options.Stride ?? (file.Stride <= MaximumLength - 4 ? file.Stride : null) ?? Math.Min(128, MaximumLength / 4);
        AllowsNoAnswer = options.AllowsNoAnswer ?? file.AllowsNoAnswer ?? false;
        NoAnswerThreshold = options.NoAnswerThreshold ?? file.NoAnswerThreshold ?? 0;
        _windows = new AnswerWindows(tokenizer, MaximumLength, Stride);
    }

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>Tokens of a window, the question and special ones included.</summary>
    public int MaximumLength { get; }

    /// <summary>How many tokens of the text two windows share; fewer where a question leaves less room.</summary>
    public int Stride { get; }

    /// <summary>Whether a text may hold no answer (SQuAD 2.0).</summary>
    public bool AllowsNoAnswer { get; }

    /// <summary>
    /// How far no answer must be ahead of the best answer, in logits, to be given.
    /// A run with validation data sets it to what gave the best F1 there, unless the options name one.
    /// </summary>
    public double NoAnswerThreshold { get; set; }

    /// <summary>Whether the head was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: answers mean nothing yet.</summary>
    public bool HasUntrainedHead => _head.IsUntrained;

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <inheritdoc/>
    public override string PrimaryMetric => AllowsNoAnswer ? "best_f1" : "f1";

    /// <summary>Loads a question answerer; see <c>Pretrained.QuestionAnswerer</c>.</summary>
    internal static QuestionAnswerer Load(Backbone backbone, QuestionAnswererOptions? options)
    {
        options ??= new QuestionAnswererOptions();
        options.Members().Require(nameof(options));
        options.Validate(options.MaximumLength ?? int.MaxValue);
        AnsweringFile file = AnsweringFile.Read(backbone.Folder);
        return backbone.Open(HeadKind.QuestionAnswering, 0, options.LoadOptions(),
            (head, tokenizer) => new QuestionAnswerer(head, tokenizer, options, file, backbone.Name));
    }

    /// <inheritdoc/>
    public AnswerSpan Predict((string Question, string Context) input) => PredictBatch([input])[0];

    /// <summary>The answer to a question about a text.</summary>
    /// <param name="question">The question.</param>
    /// <param name="context">The text, of any length.</param>
    /// <exception cref="ArgumentException">The question leaves no room for the text.</exception>
    public AnswerSpan Predict(string question, string context) => Predict((question, context));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A question leaves no room for its text.</exception>
    public IReadOnlyList<AnswerSpan> PredictBatch(IReadOnlyList<(string Question, string Context)> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        using WeightPass pass = Weights.Enter();
        _head.Answers();
        var answers = new List<AnswerSpan>(inputs.Count);
        foreach ((string Question, string Context)[] chunk in inputs.Chunk(QuestionsInAChunk))
        {
            AnswerWindow[][] windows = [.. chunk.Select(input => WindowsOf(input.Question, input.Context))];
            float[][] logits = Logits(windows, answers.Count, cancellation);
            int offset = 0;
            for (int i = 0; i < chunk.Length; i++)
            {
                AnswerSearch search = Search(windows[i], logits.AsSpan(offset, windows[i].Length));
                answers.Add(search.Answer(chunk[i].Context, AllowsNoAnswer, NoAnswerThreshold));
                offset += windows[i].Length;
            }
        }
        return answers;
    }

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open, with windows and threshold in question_answering.json.
    /// The folder is whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder) =>
        HeadFolder.Save(folder, Head, Tokenizer, null, new AnsweringFile(MaximumLength, Stride, AllowsNoAnswer, NoAnswerThreshold).Write);

    /// <inheritdoc/>
    public override EncodedRow? Encode(AnsweredQuestion example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        ExampleParts.Require(example.Context, "text");
        ExampleWeight.Check(example.Weight, ExampleParts.Require(example.Question, "question"));
        if (ExampleParts.Require(example.Answers, "list of answers").Any(answer => answer?.Text is null))
            throw new TrainingDataException($"an answer of the question \"{Excerpt.Of(example.Question)}\" is null; leave it out");
        if (!example.IsAnswerable && !AllowsNoAnswer)
        {
            throw new TrainingDataException($"the question \"{Excerpt.Of(example.Question)}\" has no answer; set AllowsNoAnswer, or leave such questions out");
        }
        GivenAnswer? target = null;
        if (example.IsAnswerable && (target = AnswerTarget.Of(example, _options.MismatchedAnswers, report)) is null) return null;
        if (string.IsNullOrWhiteSpace(example.Question)) report.Empty();
        if (_windows.Of(example.Question, example.Context) is not { } windows) return Skip("the question leaves no room for the text");
        if (!windows[0].HasContext) return Skip("the text is empty");

        (int Start, int End)[] targets =
            [.. windows.Select(window => target is null ? (0, 0) : window.Locate(target.Start, target.Start + target.Text.Length))];
        // Nothing can be learned where the answer stands in no window, least of all that there is none; the question is evaluated all the same.
        bool isLost = target is not null && targets.All(span => span.End == 0);
        if (isLost) report.Note("answers longer than a window, not learned from");
        if (isLost) report.Name("answers longer than a window, not learned from", example.Id);
        if (target is not null && !isLost) NoteLongAnswer(windows, targets, example, report);
        bool[][]? fullest = _options.FullestContextOnly ? AnswerWindows.Fullest(windows) : null;
        return new QuestionRow(example, [.. windows.Select((window, i) =>
            new WindowRow(window.Tokens.Ids, TypesOf(window), SpanWindow.Of(window), fullest?[i], targets[i], isLost ? 0 : example.Weight))]);

        EncodedRow? Skip(string reason)
        {
            report.Skip(reason);
            report.Name(reason, example.Id);
            return null;
        }
    }

    // It is learned, but never found: the search combines starts and ends that are no farther apart.
    private void NoteLongAnswer(AnswerWindow[] windows, (int Start, int End)[] targets, AnsweredQuestion example, EncodingReport report)
    {
        int window = Array.FindIndex(targets, span => span.End > 0);
        if (window < 0 || targets[window].End - targets[window].Start + 1 <= _options.LongestAnswer) return;
        string what = $"answers of more than {_options.LongestAnswer} tokens, which are never given (LongestAnswer)";
        report.Note(what);
        report.Name(what, example.Id);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<EncodedRow> PrepareRows(IReadOnlyList<EncodedRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. Windows(rows)];
    }

    internal override RowFormat RowFormat => new(WindowRow.Read, Tokenizer, [MaximumLength, Stride, AllowsNoAnswer, Trunk.Plan.TypeVocabularySize,
        _options.MismatchedAnswers, _options.FullestContextOnly, _options.LongestAnswer]) { Arrange = Windows };

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) =>
        new TokenizedBatch(rows, paddedLength, TokenizedBatch.Stack(rows, paddedLength, PadId, Device));

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tokens = OwnRows.Batch<TokenizedBatch>(batch);
        return LossOf(Head.Logits(tokens.Input, context), tokens);
    }

    /// <summary>What a user's metric gets: the right answers (none where the text holds none) and the answer found.</summary>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(IReadOnlyList<string>), typeof(string));

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new AnswerEvaluation(this);

    /// <inheritdoc/>
    public override void Calibrate(MetricReport metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        if (_options.NoAnswerThreshold is null && metrics.TryGet("best_f1_threshold", out double threshold)) NoAnswerThreshold = threshold;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }

    internal SearchRules Rules => new(_options.CandidateCount, _options.LongestAnswer);

    internal Tensor LossOf(Tensor logits, TokenizedBatch batch) =>
        SpanLoss.Sum(logits, WindowRow.Targets(batch, Device), batch.Input.Mask, WindowRow.Weights(batch, Device));

    internal AnswerWindow[] WindowsOf(string question, string context)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(context);
        return _windows.Of(question, context)
            ?? throw new ArgumentException($"the question \"{Excerpt.Of(question)}\" leaves no room for the text in windows of {MaximumLength} tokens; "
                + "shorten it or raise MaximumLength", nameof(question));
    }

    /// <summary>The scores of each window, [tokens, 2] flattened, in their order; computed in batches of similar length.</summary>
    /// <param name="windows">The windows of each question.</param>
    /// <param name="first">The number of the first question among the call's.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    internal float[][] Logits(AnswerWindow[][] windows, int first, CancellationToken cancellation)
    {
        TokenizedRow[] rows = [.. windows.SelectMany((group, i) => group.Select(window => new TokenizedRow(window.Tokens.Ids,
            TypesOf(window)) { Index = first + i }))];
        return PredictionBatches.Run(Weights, rows, Logits, cancellation);
    }

    private float[][] Logits(TokenizedRow[] rows, int length)
    {
        float[][] padded = PredictionBatches.Split(Head.Logits(TokenizedBatch.Stack(rows, length, PadId, Device), ForwardContext.Evaluation()), rows.Length);
        return [.. padded.Select((values, i) => values[..(rows[i].Length * 2)])];
    }

    private int PadId => EncoderText.PadId(Trunk, Tokenizer);

    private AnswerSearch Search(AnswerWindow[] windows, ReadOnlySpan<float[]> logits)
    {
        var search = new AnswerSearch(Rules);
        bool[][]? fullest = _options.FullestContextOnly ? AnswerWindows.Fullest(windows) : null;
        for (int i = 0; i < windows.Length; i++) search.Add(SpanWindow.Of(windows[i]), logits[i], fullest?[i]);
        return search;
    }

    private int[]? TypesOf(AnswerWindow window) => EncoderText.TypesOf(Trunk, window.Tokens);

    private static IEnumerable<EncodedRow> Windows(IEnumerable<EncodedRow> rows) =>
        rows.Select(OwnRows.Of<QuestionRow>).SelectMany(question => question.Prepared());
}
