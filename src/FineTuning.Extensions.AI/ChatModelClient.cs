using System.Runtime.CompilerServices;
using System.Text;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Text;
using Microsoft.Extensions.AI;
using MessageOptions = Microsoft.Extensions.AI.ChatOptions;

namespace FineTuning.Extensions.AI;

/// <summary>A tuned chat model as <see cref="IChatClient"/>: messages go through the model's chat template, answers come whole or in pieces.</summary>
internal sealed class ChatModelClient : IChatClient
{
    private readonly ChatModel _model;
    private readonly ToolCallForms _forms;
    private readonly ChatClientMetadata _metadata;

    public ChatModelClient(ChatModel model, string? modelId, ToolCallForms toolCalls)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _forms, _metadata) = (model, toolCalls, new ChatClientMetadata("finetuning", null, modelId ?? "finetuned"));
    }

    /// <inheritdoc/>
    /// <exception cref="Errors.InvalidOptionsException">Options ask for what the model cannot do; all are listed.</exception>
    /// <exception cref="Errors.ChatTemplateException">The template refuses the conversation.</exception>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, MessageOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ChatRequest request = ChatRequest.Of(messages, options, this);
        GeneratedText answer = await Task.Run(() =>
            _model.ReplyBatch([request.Turns], request.Options, request.Template, cancellationToken)[0][0], cancellationToken)
            .ConfigureAwait(false);
        IList<AIContent> contents = new ToolCallParser(request.Tools, _forms).Parse(answer.Text);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, contents))
        {
            ResponseId = Guid.NewGuid().ToString("N"), ModelId = _metadata.DefaultModelId, FinishReason = ReasonOf(answer, contents),
                Usage = UsageOf(request, answer),
            RawRepresentation = answer,
        };
    }

    /// <inheritdoc/>
    /// <exception cref="Errors.InvalidOptionsException">Options ask for what the model cannot do; all are listed.</exception>
    /// <exception cref="Errors.ChatTemplateException">The template refuses the conversation.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, MessageOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ChatRequest request = ChatRequest.Of(messages, options, this);
        var parser = new ToolCallParser(request.Tools, _forms);
        string id = Guid.NewGuid().ToString("N");
        ChatResponseUpdate Update(params IList<AIContent> contents) =>
            new(ChatRole.Assistant, contents) { ResponseId = id, MessageId = id, ModelId = _metadata.DefaultModelId };
        GeneratedText? whole = null;
        // What may still become a call is held back.
        var held = new StringBuilder();
        IAsyncEnumerable<string> pieces = _model.ReplyStreamingAsync(request.Turns, request.Options, request.Template, text => whole = text, cancellationToken);
        await foreach (string piece in pieces.ConfigureAwait(false))
        {
            held.Append(piece);
            string text = held.ToString();
            int settled = parser.Settled(text);
            if (settled == 0) continue;
            held.Remove(0, settled);
            // Forms that are the whole answer are out of the question once some of it is text.
            parser = new(request.Tools, _forms & ToolCallForms.Tags);
            yield return Update(new TextContent(text[..settled]));
        }
        IList<AIContent> rest = parser.Parse(held.ToString());
        foreach (AIContent content in rest) yield return Update(content);
        ChatResponseUpdate last = Update(new UsageContent(UsageOf(request, whole!)));
        last.FinishReason = ReasonOf(whole!, rest);
        yield return last;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ChatClientMetadata)) return _metadata;
        if (serviceType.IsInstanceOfType(this)) return this;
        if (serviceType.IsInstanceOfType(_model)) return _model;
        return serviceType.IsInstanceOfType(_model.Tokenizer) ? _model.Tokenizer : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The model is the caller's.
    }

    private static ChatFinishReason ReasonOf(GeneratedText answer, IList<AIContent> contents) =>
        contents.Any(content => content is FunctionCallContent) ? ChatFinishReason.ToolCalls
        : answer.Reason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private UsageDetails UsageOf(ChatRequest request, GeneratedText answer)
    {
        bool continues = request.Turns[^1].Role == "assistant";
        long input = _model.Tokenizer.EncodeChat(request.Turns,
            request.Template with { AddGenerationPrompt = !continues, ContinueFinalMessage = continues }).Ids.Length;
        return new() { InputTokenCount = input, OutputTokenCount = answer.Tokens.Count, TotalTokenCount = input + answer.Tokens.Count };
    }
}
