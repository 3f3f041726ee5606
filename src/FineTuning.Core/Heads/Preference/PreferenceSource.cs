using FineTuning.Adapters;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>What preference tuning takes from a model that writes; the model owns it.</summary>
/// <param name="Head">The head over the vocabulary.</param>
/// <param name="Tokenizer">The tokenizer of the checkpoint.</param>
/// <param name="Rules">How prompts with completions become rows.</param>
/// <param name="IsChat">Whether a text is a turn: a prompt the user's, a completion the assistant's.</param>
/// <param name="Adapters">The model's adapters.</param>
internal sealed record PreferenceSource(OutputHead Head, PretrainedTokenizer Tokenizer, CausalRules Rules, bool IsChat, ModelAdapters Adapters)
{
    public int PadId => EncoderText.PadId(Head.Trunk, Tokenizer);
}
