using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>A prompt with each of two completions.</summary>
/// <param name="chosen">The better one; its completion is learned.</param>
/// <param name="rejected">The worse one; its completion is learned.</param>
/// <param name="margin">By how much the reward of the first should be higher. Null: not given.</param>
internal sealed class PairRow(CausalRow chosen, CausalRow rejected, double? margin) : EncodedRow(Math.Max(chosen.Length, rejected.Length))
{
    public CausalRow Chosen { get; } = chosen;

    public CausalRow Rejected { get; } = rejected;

    public double? Margin { get; } = margin;
}

/// <summary>A prompt with a completion and its label.</summary>
/// <param name="row">The completion is learned.</param>
/// <param name="isDesirable">The label.</param>
internal sealed class LabeledRow(CausalRow row, bool isDesirable) : EncodedRow(row.Length)
{
    public CausalRow Row { get; } = row;

    public bool IsDesirable { get; } = isDesirable;

    /// <summary>The row's prompt with the completion of another row: how the model's drift is measured.</summary>
    /// <param name="other">Whose completion is taken.</param>
    /// <param name="maximumLength">Tokens of a row.</param>
    public CausalRow Mismatched(LabeledRow other, int maximumLength)
    {
        int own = Array.IndexOf(Row.Learned, true), theirs = Array.IndexOf(other.Row.Learned, true);
        int[] ids = [.. Row.TokenIds.AsSpan(0, own), .. other.Row.TokenIds.AsSpan(theirs)];
        int length = Math.Min(ids.Length, maximumLength);
        return new(ids[..length], [.. Enumerable.Range(0, length).Select(i => i >= own)]);
    }
}

/// <summary>Preferences as rows. No row leaves with an empty completion, whatever the maximal length. Thread-safe.</summary>
/// <param name="encoding">Encodes prompts with completions; its rules learn completions.</param>
/// <param name="lint">Looks over the pairs.</param>
/// <param name="sharesPrompt">
/// Whether both completions begin behind the same tokens, as losses beside a reference compare them: a space that one completion takes from the prompt, the
/// other one learns as well. Else each begins where its own tokens do.
/// </param>
internal sealed class PreferenceEncoding(CausalEncoding encoding, PreferenceLint lint, bool sharesPrompt = true)
{
    public PairRow? Encode(PreferencePair example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        TextOrTurns prompt = ExampleParts.Require(example.Prompt, "prompt"), chosen = ExampleParts.Require(example.Chosen, "chosen"),
            rejected = ExampleParts.Require(example.Rejected, "rejected");
        if (example.Margin is { } margin && !double.IsFinite(margin)) throw new TrainingDataException($"the margin {margin} is not finite");
        CausalRow? better = Side("chosen", prompt, chosen, example.Tools, report);
        CausalRow? worse = better is null ? null : Side("rejected", prompt, rejected, example.Tools, report);
        if (better is null || worse is null) return null;
        int first = Math.Min(Array.IndexOf(better.Learned, true), Array.IndexOf(worse.Learned, true));
        if (sharesPrompt && prompt.Text is not null) (better, worse) = (better.LearnedFrom(first), worse.LearnedFrom(first));
        lint.Add(example, better.Targets, worse.Targets, report);
        return new(better, worse, example.Margin);
    }

    public LabeledRow? Encode(UnpairedPreference example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(example);
        CausalRow? row = Side("completion", ExampleParts.Require(example.Prompt, "prompt"),
            ExampleParts.Require(example.Completion, "completion"), example.Tools, report);
        return row is null ? null : new(row, example.IsDesirable);
    }

    private CausalRow? Side(string name, TextOrTurns prompt, TextOrTurns completion, IReadOnlyList<ChatTool>? tools, EncodingReport report)
    {
        try
        {
            return encoding.Encode(new PromptCompletion(prompt, completion) { Tools = tools }, report);
        }
        catch (TrainingDataException fault)
        {
            throw new TrainingDataException($"'{name}': {fault.Message}", fault);
        }
    }
}
