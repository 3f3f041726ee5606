using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A pretrained model that writes text, with its tokenizer and its head over the vocabulary: what decoders and encoder-decoders share.</summary>
/// <typeparam name="TExample">What the user trains on.</typeparam>
/// <remarks>Generation is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public abstract class GenerativeModel<TExample> : TunableModel<TExample>
{
    private protected GenerativeModel(OutputHead head, PretrainedTokenizer tokenizer, GenerativeOptions options, GenerationConfigFile file) =>
        (Head, Tokenizer, Generator) = (head, tokenizer, new(head, tokenizer, file, options));

    /// <summary>The output layer, and the trunk that it sits on.</summary>
    public OutputHead Head { get; }

    private protected override OutputHead? AdaptedHead => Head;

    /// <summary>The trunk, on which other heads may sit too.</summary>
    public Trunk Trunk => Head.Trunk;

    /// <summary>The tokenizer of the checkpoint.</summary>
    public PretrainedTokenizer Tokenizer { get; }

    /// <summary>How text is generated where the caller says nothing else: generation_config.json, with the tokenizer's ids where it names none.</summary>
    public GenerationOptions GenerationDefaults => Generator.Defaults;

    /// <summary>
    /// Whether the output layer was drawn fresh (see <see cref="LoadReport.Fresh"/>) and nothing has trained it: what is written means nothing yet.
    /// </summary>
    public bool HasUntrainedHead => Generator.Untrained.IsUntrained;

    /// <inheritdoc/>
    public override WeightSet Weights => Head.Weights;

    /// <inheritdoc/>
    public override Device Device => Head.Device;

    /// <inheritdoc/>
    public override string PrimaryMetric => "perplexity";

    /// <summary>
    /// Which texts the model writes in an evaluation, and how. It writes where it has a metric of texts: <c>AddMetric(TextMetric.Of(new Bleu()))</c>.
    /// </summary>
    /// <exception cref="InvalidOptionsException">A number is out of range.</exception>
    /// <remarks>Not set while the model is trained or evaluated.</remarks>
    public EvaluationSample EvaluationSample
    {
        get;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Validate();
            field = value;
        }
    } = new();

    /// <inheritdoc/>
    public override (Type Target, Type Prediction)? MetricTypes => (typeof(IReadOnlyList<string>), typeof(string));

    internal override bool Writes => UserMetrics.Count > 0;

    internal TextGenerator Generator { get; }

    /// <inheritdoc/>
    public override IEvaluation NewEvaluation() => new LanguageEvaluation(Head);

    internal override MetricReport? AddWritten(MetricReport report, IReadOnlyList<WritingCase> cases, EvaluationWatch watch) =>
        new SampleWriting(Generator, EvaluationSample).Add(report, cases, CollectMetrics<IReadOnlyList<string>, string>(), watch);

    /// <summary>
    /// Writes the model as a folder that Hugging Face's libraries open: config.json, generation_config.json, model.safetensors, tokenizer files. The folder is
    /// whole or as it was.
    /// </summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="IOException">The disk is full, the folder cannot be written, or it holds what this library did not save.</exception>
    public void Save(string folder) => HeadFolder.Save(folder, Head, Tokenizer, further: Generator.Write);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Head.Dispose();
    }
}
