using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>
/// A pretrained decoder that goes on from a text: tuned on prompts with completions, or on plain texts (<see cref="PromptCompletion.OfText"/>).
/// </summary>
/// <remarks>Generation is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public sealed class CausalLanguageModel : CausalTextModel<PromptCompletion>, IPredictor<string, string>
{
    private CausalLanguageModel(OutputHead head, PretrainedTokenizer tokenizer, LanguageModelOptions options, GenerationConfigFile file)
        : base(head, tokenizer, options, file)
    {
    }

    /// <summary>Loads a language model; see <c>Pretrained.CausalLanguageModel</c>.</summary>
    internal static CausalLanguageModel Load(Backbone backbone, LanguageModelOptions? options) =>
        Load(backbone, options, (head, tokenizer, own, file) => new CausalLanguageModel(head, tokenizer, own, file));

    /// <inheritdoc/>
    public override EncodedRow? Encode(PromptCompletion example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return Encoding.Encode(example, report);
    }

    /// <summary>Reads a beginning once that many prompts have: instructions, examples. Prompts that begin with it are read from its end on.</summary>
    /// <param name="beginning">The text.</param>
    /// <returns>Dispose it when no more such prompts come.</returns>
    /// <exception cref="InvalidOptionsException">The text has no tokens, or more than the model has positions.</exception>
    public SharedPrompt SharePrompt(string beginning)
    {
        ArgumentNullException.ThrowIfNull(beginning);
        return Generator.Share(Ids(beginning));
    }

    // What Generate makes of the prompt; a plain text has nothing to write from.
    internal override WritingCase? CaseOf(PromptCompletion example) => (example.Prompt.Text, example.Completion.Text) switch
    {
        ({ Length: > 0 } prompt, { } completion) => new(prompt, completion, () => Ids(prompt)),
        (null, null) => ChatCase.Of(Tokenizer, [.. example.Prompt.Turns!, .. example.Completion.Turns!], example.Tools),
        _ => null,
    };

    /// <summary>What follows a text.</summary>
    /// <param name="prompt">The text; an empty one: the model begins by itself.</param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>The new text alone; of several that are returned the best.</returns>
    /// <exception cref="InvalidOptionsException">Options are out of range, or the prompt is longer than the model's positions.</exception>
    /// <exception cref="InvalidOperationException">A run trains the model.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public string Generate(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return GenerateBatch([prompt], options, cancellation)[0][0].Text;
    }

    /// <summary>What follows each of several texts, with how it ended; computed together, so that memory grows with their number.</summary>
    /// <param name="prompts">The texts.</param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>For each prompt as many texts as <see cref="GenerationOptions.NumReturnSequences"/> says, the best first.</returns>
    /// <exception cref="InvalidOptionsException">Options are out of range, or a prompt is longer than the model's positions.</exception>
    /// <exception cref="InvalidOperationException">A run trains the model.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IReadOnlyList<IReadOnlyList<GeneratedText>> GenerateBatch(
        IReadOnlyList<string> prompts, GenerationOptions? options = null, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(prompts, nameof(prompts));
        return Generator.Run([.. prompts.Select(Ids)], options, cancellation);
    }

    /// <summary>What follows a text, in pieces while it is written, by a thread of its own. Who stops reading stops that thread.</summary>
    /// <param name="prompt">The text; an empty one: the model begins by itself.</param>
    /// <param name="options">How it is generated, without beams; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>Pieces that together are what <see cref="Generate"/> returns.</returns>
    /// <exception cref="InvalidOptionsException">At once: options are out of range, or the prompt is longer than the model's positions.</exception>
    public IAsyncEnumerable<string> GenerateStreamingAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellation = default) =>
        Generator.Stream(Ids(prompt), options, cancellation);

    /// <summary>How well the model predicts texts: loss, perplexity, bits a token and bits a byte, over all tokens but the first of each text.</summary>
    /// <param name="texts">Read once, one after another.</param>
    /// <param name="stride">
    /// A text longer than the model's positions is read through a window that moves by so many tokens: the smaller, the more stands before each token, and the
    /// longer it takes. Null: half a window.
    /// </param>
    /// <param name="cancellation">Stops between two windows.</param>
    /// <exception cref="InvalidOptionsException">The stride is below 1 or above the window.</exception>
    /// <exception cref="ArgumentException">No text has two tokens.</exception>
    public MetricReport Perplexity(IEnumerable<string> texts, int? stride = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        int window = Generator.Positions ?? MaximumLength, step = stride ?? Math.Max(1, window / 2);
        if (step < 1 || step > window) throw new InvalidOptionsException([$"the stride is {step}: it is from 1 to {window}, the tokens of a window"]);
        var likelihood = new LikelihoodAccumulator();
        int index = 0;
        foreach (string text in texts)
        {
            if (text is null) throw new ArgumentException($"texts[{index}] is null; leave it out", nameof(texts));
            index++;
            float[] scores = [.. TextLikelihood.Of(Head, Ids(text), window, step, Precision, cancellation).Where(score => !float.IsNaN(score))];
            likelihood.Add(scores.Sum(score => (double)score), scores.Length, System.Text.Encoding.UTF8.GetByteCount(text));
        }
        return likelihood.Tokens > 0 ? likelihood.Report() : throw new ArgumentException("no text has two tokens: nothing is predicted", nameof(texts));
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

    private int[] Ids(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return Tokenizer.Encode(prompt).Ids.ToArray();
    }
}
