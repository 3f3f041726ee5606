using System.Globalization;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A pretrained encoder-decoder that makes a text of a text: a translation, a summary; tuned on sources with their targets.</summary>
/// <remarks>Generation is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public sealed class TextToText : GenerativeModel<SourceTarget>, IPredictor<string, string>
{
    private readonly TextToTextOptions _options;
    private readonly LanguageLoss _loss;
    private readonly int _start;
    private readonly int _end;

    private TextToText(OutputHead head, PretrainedTokenizer tokenizer, TextToTextOptions options, GenerationConfigFile file)
        : base(head, tokenizer, options, file)
    {
        (_options, _loss) = (options, new(head, options.LabelSmoothing));
        MaximumSourceLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumSourceLength);
        MaximumTargetLength = SequenceLimit.Resolve(head.Trunk, tokenizer, options.MaximumTargetLength);
        _end = EndToken.Require(tokenizer, Path.GetDirectoryName(head.Trunk.Config.FilePath));
        _start = Generator.Defaults.DecoderStartTokenId is >= 0 and { } start && start < head.Outputs ? start
            : throw new CheckpointException(file.Options.DecoderStartTokenId is null ? head.Trunk.Config.FilePath : file.FilePath,
                $"'decoder_start_token_id' is {Generator.Defaults.DecoderStartTokenId?.ToString(CultureInfo.InvariantCulture) ?? "missing"}: "
                    + $"the decoder begins with a token of its vocabulary, from 0 to {head.Outputs - 1}");
    }

    /// <summary>Tokens of a source, special ones included, after which it is cut.</summary>
    public int MaximumSourceLength { get; }

    /// <summary>Tokens of a target in training, its end token included, after which it is cut.</summary>
    public int MaximumTargetLength { get; }

    /// <summary>Loads an encoder-decoder; see <c>Pretrained.TextToText</c>.</summary>
    internal static TextToText Load(Backbone backbone, TextToTextOptions? options)
    {
        options ??= new TextToTextOptions();
        return LanguageHeads.Open(
            backbone, HeadKind.SequenceToSequence, options, (head, tokenizer, file) => new TextToText(head, tokenizer, options, file));
    }

    /// <inheritdoc/>
    public override EncodedRow? Encode(SourceTarget example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        ArgumentNullException.ThrowIfNull(report);
        (string source, string target) = (ExampleParts.Require(example.Source, "source"), ExampleParts.Require(example.Target, "target"));
        if (target.Length == 0) throw new TrainingDataException("the target is empty: nothing to learn");
        ExampleWeight.Check(example.Weight, target);
        TokenizedText read = Source(source);
        if (string.IsNullOrWhiteSpace(source)) report.Empty();
        if (read.Ids.Length == 0) throw new TrainingDataException("the source has no tokens: the encoder needs at least one");
        int[] whole = Tokenizer.Encode(target).Ids.ToArray();
        if (whole.Length == 0 || whole[^1] != _end) whole = [.. whole, _end];
        int cut = Math.Max(0, whole.Length - MaximumTargetLength);
        // The end token stays: the decoder learns to stop.
        int[] written = cut == 0 ? whole : [.. whole.AsSpan(0, MaximumTargetLength - 1), _end];
        report.Truncated(read.TruncatedTokens + cut);
        report.Note("targets that were cut off", cut);
        return new SourceTargetRow(read.Ids.ToArray(), written, example.Weight);
    }

    internal override WritingCase? CaseOf(SourceTarget example) => new(example.Source, example.Target, () => Ids(example.Source));

    internal override RowFormat RowFormat =>
        new(SourceTargetRow.Read, Tokenizer, [_options.Prefix, MaximumSourceLength, MaximumTargetLength]);

    /// <inheritdoc/>
    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength)
    {
        NullMembers.RequireEntries(rows, nameof(rows));
        return LanguageBatch.OfPairs(rows, EncoderText.PadId(Trunk, Tokenizer), _start, Device);
    }

    /// <inheritdoc/>
    public override Tensor SumLoss(Batch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return _loss.Sum(batch, context);
    }

    internal override IWordHead Words => _loss;

    /// <summary>The text that the model makes of a text.</summary>
    /// <param name="source">
    /// The text; the options' <see cref="TextToTextOptions.Prefix"/> is put before it. It is cut at <see cref="MaximumSourceLength"/>.
    /// </param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>The new text; of several that are returned the best.</returns>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    /// <exception cref="InvalidOperationException">A run trains the model.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public string Generate(string source, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return GenerateBatch([source], options, cancellation)[0][0].Text;
    }

    /// <summary>The texts that the model makes of several texts, with how they ended; computed together, so that memory grows with their number.</summary>
    /// <param name="sources">The texts; the options' <see cref="TextToTextOptions.Prefix"/> is put before each.</param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>For each source as many texts as <see cref="GenerationOptions.NumReturnSequences"/> says, the best first.</returns>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    public IReadOnlyList<IReadOnlyList<GeneratedText>> GenerateBatch(
        IReadOnlyList<string> sources, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(sources, nameof(sources));
        return Generator.Run([.. sources.Select(Ids)], options, cancellation);
    }

    /// <summary>The text that the model makes of a text, in pieces while it is written, by a thread of its own. Who stops reading stops that thread.</summary>
    /// <param name="source">The text.</param>
    /// <param name="options">How it is generated, without beams; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>Pieces that together are what <see cref="Generate"/> returns.</returns>
    /// <exception cref="InvalidOptionsException">At once: options are out of range.</exception>
    public IAsyncEnumerable<string> GenerateStreamingAsync(string source, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Generator.Stream(Ids(source), options, cancellation);

    /// <summary>The translation of a text: <see cref="Generate"/> under the name of the task.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">How it is generated; null: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public string Translate(string text, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Generate(text, options, cancellation);
    }

    /// <summary>The summary of a text: <see cref="Generate"/> under the name of the task.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">How it is generated; null: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public string Summarize(string text, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Generate(text, options, cancellation);
    }

    /// <inheritdoc/>
    public string Predict(string input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Generate(input);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(inputs, nameof(inputs));
        return [.. GenerateBatch(inputs, null, cancellation).Select(texts => texts[0].Text)];
    }

    private int[] Ids(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Source(source).Ids.ToArray();
    }

    private TokenizedText Source(string source) => Tokenizer.Encode(_options.Prefix + source, null, new TokenizingOptions
    {
        MaximumLength = MaximumSourceLength, Truncation = TruncationStrategy.LongestFirst,
    });
}
