using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Extensions.AI;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Text;
using Microsoft.Extensions.AI;
using Xunit;
using ChatOptions = Microsoft.Extensions.AI.ChatOptions;

namespace FineTuning.Extensions.Tests.AI;

/// <summary>A tuned chat model as an <see cref="IChatClient"/>.</summary>
public sealed class ChatClientTests(ChatClientTests.Taught taught) : IClassFixture<ChatClientTests.Taught>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly AIFunction Weather = AIFunctionFactory.Create((string city) => city == "Ulm" ? "18 degrees" : "unknown", "weather", "The weather of a city.");

    private readonly IChatClient _client = taught.Model.AsChatClient("tiny");

    /// <summary>One model for all tests.</summary>
    public sealed class Taught : IDisposable
    {
        private readonly IDisposable _folder;

        public Taught() => (Model, _folder) = ToolTexts.Teach();

        internal ChatModel Model { get; }

        public void Dispose()
        {
            Model.Dispose();
            _folder.Dispose();
        }
    }

    [Fact]
    public async Task It_answers_as_the_model_does_and_counts_tokens()
    {
        ChatResponse response = await _client.GetResponseAsync("hello", cancellationToken: Stop);
        Assert.Equal("Good day to you!", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("tiny", response.ModelId);
        Assert.Equal(taught.Model.Tokenizer.EncodeChat([new("user", "hello")], new FineTuning.Text.ChatOptions { AddGenerationPrompt = true }).Ids.Length, response.Usage!.InputTokenCount);
        Assert.Equal(((GeneratedText)response.RawRepresentation!).Tokens.Count, response.Usage.OutputTokenCount);
    }

    [Fact]
    public async Task A_stream_is_the_same_answer_with_the_same_end()
    {
        ChatResponse whole = await _client.GetResponseAsync("hello", cancellationToken: Stop);
        List<ChatResponseUpdate> updates = await _client.GetStreamingResponseAsync("hello", cancellationToken: Stop).ToListAsync(Stop);
        ChatResponse joined = updates.ToChatResponse();
        Assert.True(updates.Count > 2);
        Assert.Equal((whole.Text, whole.FinishReason, whole.ModelId), (joined.Text, joined.FinishReason, joined.ModelId));
        Assert.Equal((whole.Usage!.InputTokenCount, whole.Usage.OutputTokenCount), (joined.Usage!.InputTokenCount, joined.Usage.OutputTokenCount));
    }

    [Fact]
    public async Task Options_are_mapped()
    {
        ChatResponse cut = await _client.GetResponseAsync("hello", new ChatOptions { MaxOutputTokens = 2 }, Stop);
        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);
        Assert.Equal(2, cut.Usage!.OutputTokenCount);
        ChatResponse stopped = await _client.GetResponseAsync("hello", new ChatOptions { StopSequences = ["day"] }, Stop);
        Assert.Equal("Good day", stopped.Text);
        var wild = new ChatOptions { Temperature = 5, Seed = 3, MaxOutputTokens = 12, TopK = 0, TopP = 1 };
        string drawn = (await _client.GetResponseAsync("hello", wild, Stop)).Text;
        Assert.Equal(drawn, (await _client.GetResponseAsync("hello", wild, Stop)).Text);
        Assert.Equal(drawn, taught.Model.Reply([new("user", "hello")], new GenerationOptions { DoSample = true, Temperature = 5, Seed = 3, MaxNewTokens = 12, TopK = 0, TopP = 1 }));
        var raw = new ChatOptions { RawRepresentationFactory = _ => new GenerationOptions { MaxNewTokens = 3, NumBeams = 2 }, MaxOutputTokens = 1 };
        Assert.Equal(1, (await _client.GetResponseAsync("hello", raw, Stop)).Usage!.OutputTokenCount);
    }

    [Fact]
    public async Task What_it_cannot_do_is_refused_at_once()
    {
        var options = new ChatOptions
        {
            FrequencyPenalty = 1, PresencePenalty = 1, ResponseFormat = ChatResponseFormat.Json, ToolMode = ChatToolMode.RequireAny, ConversationId = "x", Tools = [new HostedWebSearchTool()],
        };
        string message = (await Assert.ThrowsAsync<InvalidOptionsException>(() => _client.GetResponseAsync("hello", options, Stop))).Message;
        Assert.All(new[] { "FrequencyPenalty", "PresencePenalty", "ResponseFormat", "ToolMode", "ConversationId", "HostedWebSearchTool" }, name => Assert.Contains(name, message, StringComparison.Ordinal));
        ChatMessage picture = new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]);
        Assert.Contains("DataContent", (await Assert.ThrowsAsync<ArgumentException>(() => _client.GetResponseAsync([picture], cancellationToken: Stop))).Message, StringComparison.Ordinal);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _client.GetResponseAsync("hello", cancellationToken: cancelled.Token));
    }

    [Fact]
    public async Task A_call_is_a_call_whole_and_in_a_stream()
    {
        var options = new ChatOptions { Tools = [Weather], MaxOutputTokens = 60 };
        ChatResponse response = await _client.GetResponseAsync("is it warm in Ulm?", options, Stop);
        FunctionCallContent call = Assert.IsType<FunctionCallContent>(Assert.Single(response.Messages[0].Contents));
        Assert.Equal(("weather", "Ulm"), (call.Name, call.Arguments!["city"]!.ToString()));
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        ChatResponse streamed = await _client.GetStreamingResponseAsync("is it warm in Ulm?", options, Stop).ToChatResponseAsync(Stop);
        Assert.Equal("weather", Assert.Single(streamed.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        Assert.Empty(streamed.Text);
        Assert.Equal(ChatFinishReason.ToolCalls, streamed.FinishReason);
        // Without tools, or where forms are not looked for, it stays text.
        Assert.Contains("<tool_call>", (await taught.Model.AsChatClient(toolCalls: ToolCallForms.None).GetResponseAsync("is it warm in Ulm?", options, Stop)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_usual_loop_of_calls_ends_with_an_answer()
    {
        using IChatClient agent = _client.AsBuilder().UseFunctionInvocation().Build();
        ChatResponse response = await agent.GetResponseAsync("is it warm in Ulm?", new ChatOptions { Tools = [Weather], MaxOutputTokens = 60 }, Stop);
        Assert.Equal("It is warm in Ulm.", response.Messages[^1].Text);
        Assert.Contains(response.Messages, message => message.Contents.OfType<FunctionResultContent>().Any(result => result.Result?.ToString() == "18 degrees"));
    }

    [Fact]
    public void Services_are_found()
    {
        Assert.Equal("tiny", _client.GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.Same(taught.Model, _client.GetService<ChatModel>());
        Assert.Same(taught.Model.Tokenizer, _client.GetService<PretrainedTokenizer>());
        Assert.Same(_client, _client.GetService<IChatClient>());
        Assert.Null(_client.GetService<string>());
        Assert.Null(_client.GetService(typeof(ChatModel), "key"));
    }
}
