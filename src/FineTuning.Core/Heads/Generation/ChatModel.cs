using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>A pretrained decoder that answers in a conversation, through the chat template of its tokenizer; tuned on conversations.</summary>
/// <remarks>Generation is thread-safe; while a run trains the model it is refused. Whoever creates the model disposes it.</remarks>
public sealed class ChatModel : CausalTextModel<Conversation>
{
    private const string Assistant = "assistant";

    private ChatModel(OutputHead head, PretrainedTokenizer tokenizer, LanguageModelOptions options, GenerationConfigFile file)
        : base(head, tokenizer, options, file)
    {
    }

    /// <summary>Loads a chat model; see <c>Pretrained.ChatModel</c>.</summary>
    internal static ChatModel Load(Backbone backbone, LanguageModelOptions? options) => Load(backbone, options, (head, tokenizer, own, file) =>
    {
        RequireTemplate(backbone, tokenizer);
        return new ChatModel(head, tokenizer, own, file);
    });

    /// <inheritdoc/>
    public override EncodedRow? Encode(Conversation example, EncodingReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return Encoding.Encode(example, report);
    }

    /// <summary>
    /// Reads the turns once with which many conversations begin (a system prompt, examples, documents), or a conversation that goes on: conversations
    /// are read from where they part.
    /// </summary>
    /// <param name="turns">The turns.</param>
    /// <param name="chat">Tools, documents, variables of the template; null: none.</param>
    /// <returns>Dispose it when no more such conversations come.</returns>
    /// <exception cref="ChatTemplateException">The template refuses the turns alone.</exception>
    /// <exception cref="InvalidOptionsException">They have more tokens than the model has positions.</exception>
    public SharedPrompt SharePrompt(IReadOnlyList<ChatTurn> turns, ChatOptions? chat = null) => Generator.Share(Ids(turns, chat));

    // What Reply answers to the turns before the last; a conversation that does not end with an answer has nothing to write.
    internal override WritingCase? CaseOf(Conversation example) => ChatCase.Of(Tokenizer, example.Turns, example.Tools);

    /// <summary>The next answer of a conversation.</summary>
    /// <param name="turns">The conversation so far. Where its last turn is the assistant's, that turn is continued.</param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="chat">Tools, documents, variables of the template; null: none.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>The new text alone.</returns>
    /// <exception cref="ChatTemplateException">The template refuses the conversation.</exception>
    /// <exception cref="InvalidOptionsException">Options are out of range, or the conversation is longer than the model's positions.</exception>
    /// <exception cref="InvalidOperationException">A run trains the model.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public string Reply(IReadOnlyList<ChatTurn> turns, GenerationOptions? options = null, ChatOptions? chat = null, CancellationToken cancellation = default)
    {
        NullMembers.RequireEntries(turns, nameof(turns));
        return ReplyBatch([turns], options, chat, cancellation)[0][0].Text;
    }

    /// <summary>The next answers of several conversations, with how they ended; computed together, so that memory grows with their number.</summary>
    /// <param name="conversations">The conversations so far.</param>
    /// <param name="options">How it is generated; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="chat">Tools, documents, variables of the template; null: none.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>For each conversation as many texts as <see cref="GenerationOptions.NumReturnSequences"/> says, the best first.</returns>
    /// <exception cref="ChatTemplateException">The template refuses a conversation.</exception>
    /// <exception cref="InvalidOptionsException">Options are out of range, or a conversation is longer than the model's positions.</exception>
    public IReadOnlyList<IReadOnlyList<GeneratedText>> ReplyBatch(
        IReadOnlyList<IReadOnlyList<ChatTurn>> conversations, GenerationOptions? options = null, ChatOptions? chat = null,
        CancellationToken cancellation = default)
    {
        NullMembers.RequireNested(conversations, nameof(conversations));
        return Generator.Run([.. conversations.Select(turns => Ids(turns, chat))], options, cancellation);
    }

    /// <summary>The next answer of a conversation, in pieces while it is written, by a thread of its own. Who stops reading stops that thread.</summary>
    /// <param name="turns">The conversation so far. Where its last turn is the assistant's, that turn is continued.</param>
    /// <param name="options">How it is generated, without beams; null, or what is null in it: as the checkpoint says.</param>
    /// <param name="chat">Tools, documents, variables of the template; null: none.</param>
    /// <param name="ended">Told the whole text with how it ended, by the thread that writes, before the stream ends. Null: nobody is.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    /// <returns>Pieces that together are what <see cref="Reply"/> returns.</returns>
    /// <exception cref="ChatTemplateException">At once: the template refuses the conversation.</exception>
    /// <exception cref="InvalidOptionsException">At once: options are out of range, or the conversation is longer than the model's positions.</exception>
    public IAsyncEnumerable<string> ReplyStreamingAsync(
        IReadOnlyList<ChatTurn> turns, GenerationOptions? options = null, ChatOptions? chat = null, Action<GeneratedText>? ended = null,
        CancellationToken cancellation = default) => Generator.Stream(Ids(turns, chat), options, cancellation, ended);

    private protected override bool IsChat => true;

    internal int[] Ids(IReadOnlyList<ChatTurn> turns, ChatOptions? chat)
    {
        NullMembers.RequireEntries(turns, nameof(turns));
        if (turns.Count == 0) throw new ArgumentException("a conversation has at least one turn", nameof(turns));
        bool continues = chat?.ContinueFinalMessage == true || turns[^1].Role == Assistant;
        return Tokenizer.EncodeChat(turns, (chat ?? new()) with { AddGenerationPrompt = !continues, ContinueFinalMessage = continues }).Ids;
    }

    private static void RequireTemplate(Backbone backbone, PretrainedTokenizer tokenizer)
    {
        if (!tokenizer.ChatTemplate.IsFallback) return;
        throw new CheckpointException(backbone.Name, "its tokenizer has no chat template, so that it is not known how a conversation is written; "
            + "prepare a copy with one by Pretrained.AddChatFormat");
    }
}
