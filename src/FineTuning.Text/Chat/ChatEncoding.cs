using FineTuning.Diagnostics;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Conversations as tokens.</summary>
public static class ChatEncoding
{
    /// <summary>How a rendered conversation is tokenized: it has its special tokens already.</summary>
    internal static TokenizingOptions Bare { get; } = new() { AddSpecialTokens = false };

    /// <summary>
    /// Renders a conversation with the tokenizer's chat template and tokenizes it. The loss mask covers the assistant's answers and the end token behind each:
    /// as the template's generation marks say, or where it has none, by prefix rendering (<see cref="ChatTemplate.RenderWithAnswers"/>),
    /// where the tokens before an answer must also be those that the model sees when it is asked. What cannot be proved is refused.
    /// With <see cref="ChatOptions.AddGenerationPrompt"/> or <see cref="ChatOptions.ContinueFinalMessage"/> the text is a prompt, and only marks make a mask.
    /// </summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="turns">The turns; at least one.</param>
    /// <param name="options">Null: the default ones.</param>
    /// <exception cref="ArgumentException">There is no turn.</exception>
    /// <exception cref="InvalidOptionsException">Options contradict each other.</exception>
    /// <exception cref="ChatTemplateException">The template is broken or refuses the conversation, or it cannot be proved where an answer stands.</exception>
    /// <exception cref="CheckpointException">The folder's templates are no text.</exception>
    public static EncodedChat EncodeChat(this PretrainedTokenizer tokenizer, IReadOnlyList<ChatTurn> turns, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(turns);
        options ??= new ChatOptions();
        ChatTemplate template = tokenizer.ChatTemplate;
        ChatRendering rendering = options.IsPrompt ? template.Render(turns, options) : template.RenderWithAnswers(turns, options);
        TokenizedText tokens = tokenizer.Encode(rendering.Text, null, Bare);
        bool[] mask = rendering.Source switch
        {
            AnswerSource.GenerationMarks => AnswerMask.Overlapping(tokens.Starts, tokens.Ends, rendering.Checked().AnswerRanges),
            AnswerSource.PrefixRendering => AnswerMask.Proved(tokenizer, tokens, rendering.Text, rendering.AnswerRanges),
            _ => new bool[tokens.Ids.Length],
        };
        var chat = new EncodedChat(tokenizer, rendering, tokens, mask, options);
        Report(chat, template, tokenizer, options);
        return chat;
    }

    private static void Report(EncodedChat chat, ChatTemplate template, PretrainedTokenizer tokenizer, ChatOptions options)
    {
        if (options.Logger is not { } logger) return;
        if (options.TemplateText is null && template.AnnouncesFallback())
        {
            bool known = tokenizer.TokenId(ChatMl.Begin) is not null && tokenizer.TokenId(ChatMl.End) is not null;
            ChatLog.Fallback(logger, tokenizer.Parts.Folder, known ? "" : $"; "
                + $"its tokens {ChatMl.Begin} and {ChatMl.End} are not in the vocabulary and are spelled in pieces: add them");
        }
        foreach (string problem in chat.Problems) ChatLog.Problem(logger, problem);
    }
}
