using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Preferences as rows. No row leaves with an empty completion, whatever the maximal length. Thread-safe.</summary>
/// <param name="encoding">Encodes prompts with completions; its rules learn completions.</param>
/// <param name="lint">Looks over the pairs.</param>
/// <param name="sharesPrompt">
/// Whether both completions begin behind the same tokens, as losses beside a reference compare them: a space that one completion takes from the prompt, the
/// other one learns as well. Else each begins where its own tokens do.
/// </param>
/// <param name="isChat">Whether a text is a turn: a prompt the user's, a completion the assistant's.</param>
internal sealed class PreferenceEncoding(CausalEncoding encoding, PreferenceLint lint, bool sharesPrompt = true, bool isChat = false)
{
    public PairRow? Encode(PreferencePair example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        TextOrTurns prompt = Prompt(example.Prompt), chosen = ExampleParts.Require(example.Chosen, "chosen"),
            rejected = ExampleParts.Require(example.Rejected, "rejected");
        CheckMargin(example);
        CausalRow? better = Side("chosen", prompt, chosen, example.Tools, report);
        CausalRow? worse = better is null ? null : Side("rejected", prompt, rejected, example.Tools, report);
        if (better is null || worse is null) return null;
        int first = Math.Min(Array.IndexOf(better.Learned, true), Array.IndexOf(worse.Learned, true));
        if (sharesPrompt && !isChat && prompt.Text is not null) (better, worse) = (better.LearnedFrom(first), worse.LearnedFrom(first));
        lint.Add(example, better.Targets, worse.Targets, report);
        return new(better, worse, example.Margin);
    }

    public LabeledRow? Encode(UnpairedPreference example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        CausalRow? row = Side("completion", Prompt(example.Prompt),
            ExampleParts.Require(example.Completion, "completion"), example.Tools, report);
        return row is null ? null : new(row, example.IsDesirable);
    }

    /// <exception cref="TrainingDataException">The margin is not finite.</exception>
    public static void CheckMargin(PreferencePair example)
    {
        if (example.Margin is { } margin && !double.IsFinite(margin)) throw new TrainingDataException($"the margin {margin} is not finite");
    }

    /// <exception cref="TrainingDataException">The tokenizer has no chat template: nothing says how turns are written.</exception>
    public static void RequireTemplate(PretrainedTokenizer tokenizer)
    {
        if (!tokenizer.ChatTemplate.IsFallback) return;
        throw new TrainingDataException("there are turns, and the tokenizer has no chat template that says how they are written; "
            + "give texts, or prepare a copy of the checkpoint by Pretrained.AddChatFormat");
    }

    /// <summary>Encodes one completion; what is wrong with it names it.</summary>
    /// <exception cref="TrainingDataException">It cannot be read.</exception>
    public static T Side<T>(string name, Func<T> encode)
    {
        try
        {
            return encode();
        }
        catch (Exception fault) when (fault is TrainingDataException or ChatTemplateException)
        {
            throw new TrainingDataException($"'{name}': {fault.Message}", fault);
        }
    }

    private TextOrTurns Prompt(TextOrTurns? given)
    {
        TextOrTurns prompt = ExampleParts.Require(given, "prompt");
        if (prompt.Turns is not null) RequireTemplate(encoding.Tokenizer);
        return prompt;
    }

    private CausalRow? Side(string name, TextOrTurns prompt, TextOrTurns completion, IReadOnlyList<ChatTool>? tools, EncodingReport report) => Side(name, () =>
    {
        CausalRow? row = encoding.Encode(new PromptCompletion(Turn(prompt, "user"), Turn(completion, "assistant")) { Tools = tools }, report);
        return row is null || !row.Learned[0] ? row : throw new TrainingDataException(
            "the prompt is empty and the tokenizer puts no token before a text, so that nothing predicts the first token of the completion: give a prompt");
    });

    private TextOrTurns Turn(TextOrTurns part, string role) => isChat && part.Text is { Length: > 0 } text ? new([new ChatTurn(role, text)]) : part;
}
