using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>
/// A prompt with its completion as a reward model reads it: a decoder the text as it was learned, with its end token; an encoder the two as a pair of texts.
/// Turns go through the chat template. Thread-safe.
/// </summary>
internal sealed class RewardText(Trunk trunk, PretrainedTokenizer tokenizer)
{
    private readonly bool _isDecoder = trunk.Plan.Encoder is null;

    /// <exception cref="TrainingDataException">The one is a text, the other turns; or there is no template.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the turns.</exception>
    public TokenizedRow Row(TextOrTurns prompt, TextOrTurns completion, IReadOnlyList<ChatTool>? tools = null)
    {
        if ((prompt.Turns is null) != (completion.Turns is null) && !prompt.IsEmpty)
            throw new TrainingDataException("the prompt is a text and the completion turns, or the other way round: both are texts, or both are turns");
        if (completion.Turns is { } last) return Chat([.. prompt.Turns ?? [], .. last], tools);
        if (prompt.IsEmpty || _isDecoder) return Text(prompt.Text + completion.Text);
        return EncoderText.Row(trunk, tokenizer.Encode(prompt.Text!, completion.Text));
    }

    private TokenizedRow Text(string text)
    {
        TokenizedText tokens = tokenizer.Encode(text);
        if (!_isDecoder || tokenizer.EndId is not { } end || (tokens.Ids.Length > 0 && tokens.Ids[^1] == end)) return EncoderText.Row(trunk, tokens);
        return new([.. tokens.Ids, end], null);
    }

    private TokenizedRow Chat(IReadOnlyList<ChatTurn> turns, IReadOnlyList<ChatTool>? tools)
    {
        if (turns.Count == 0 || turns.Contains(null!)) throw new TrainingDataException("a conversation has at least one turn, and none is null");
        PreferenceEncoding.RequireTemplate(tokenizer);
        return new(tokenizer.EncodeChat(turns, new ChatOptions { Tools = tools }).Ids, null);
    }
}
