using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Text;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>A base model takes a chat format: its template, its tokens with mean rows, its end token; all of it is saved.</summary>
public sealed class ChatFormatTests : IDisposable
{
    private static readonly string Checkpoint = Goldens.Starter;

    private static readonly ChatTurn[] Turns = [new("system", "Be brief."), new("user", "the parcel"), new("assistant", "is late"), new("user", "why"), new("assistant", "snow")];

    private readonly string _target = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose()
    {
        if (Directory.Exists(_target)) Directory.Delete(_target, recursive: true);
    }

    [Fact]
    public void ChatMl_adds_its_tokens_with_mean_rows_and_ends_answers_with_its_end_token()
    {
        Pretrained.AddChatFormat(Checkpoint, _target, ChatFormat.ChatMl);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(_target);
        int end = tokenizer.TokenId("<|im_end|>")!.Value;
        Assert.Equal(end, tokenizer.EndId);
        Assert.False(tokenizer.ChatTemplate.IsFallback);
        Assert.Equal(end, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(_target, "config.json")))!["eos_token_id"]!);
        EncodedChat chat = tokenizer.EncodeChat(Turns);
        Assert.Equal(0, chat.AnswersWithoutEnd);
        Assert.Equal(2, chat.Ids.Where((id, i) => chat.LossMask[i] && id == end).Count());
        Assert.Equal([end], tokenizer.TurnEndIds());

        using OutputHead before = OutputHead.Load(Checkpoint, HeadKind.None), after = OutputHead.Load(_target, HeadKind.None);
        using var scope = NewDisposeScope();
        Tensor old = Table(before), wide = Table(after);
        Assert.Equal(old.shape[0] + 2, wide.shape[0]);
        Assert.True(old.mean([0]).allclose(wide[end], atol: 1e-7));
        Assert.True(old.eq(wide.narrow(0, 0, old.shape[0])).all().item<bool>());
    }

    [Theory]
    [InlineData("<|over|>", "<|im_end|>")]
    [InlineData("", "<|im_end|>")]
    public void A_token_that_is_nowhere_is_named(string end, string token)
    {
        var format = new ChatFormat("mine", "{{ messages[0]['content'] }}", [token], end);
        InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() => Pretrained.AddChatFormat(Checkpoint, _target, format));
        Assert.Contains($"the chat format 'mine' writes the token '{end}', which the vocabulary has not", fault.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_target));
    }

    [Fact]
    public void Plain_words_need_an_end_token()
    {
        InvalidOptionsException fault = Assert.Throws<InvalidOptionsException>(() => Pretrained.AddChatFormat(Checkpoint, _target, ChatFormat.Plain));
        Assert.Contains("eos_token", fault.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_target));
    }

    [Fact]
    public void Plain_words_end_answers_with_the_tokenizers_own_end_token()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Goldens.Require("preference", "tokenizer")).WithChatTemplate(ChatFormat.Plain.Template);
        EncodedChat chat = tokenizer.EncodeChat(Turns);
        Assert.Equal(0, chat.AnswersWithoutEnd);
        Assert.Equal(2, chat.Ids.Where((id, i) => chat.LossMask[i] && id == tokenizer.EndId).Count());
        Assert.Equal("<s>Be brief.\n\nUser: the parcel\n\nAssistant: is late</s>\n\nUser: why\n\nAssistant: snow</s>\n\n", chat.Text);
        Assert.EndsWith("Assistant: ", tokenizer.ChatTemplate.Render(Turns[..2], new ChatOptions { AddGenerationPrompt = true }).Text, StringComparison.Ordinal);
        Assert.Equal([tokenizer.EndId!.Value], tokenizer.TurnEndIds());
    }

    [Fact]
    public void What_a_format_does_not_know_it_refuses()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Goldens.Require("preference", "tokenizer"));
        foreach (ChatFormat format in new[] { ChatFormat.ChatMl, ChatFormat.Plain })
        {
            PretrainedTokenizer chat = tokenizer.WithChatTemplate(format.Template);
            var tool = new ChatTool("now", "The time.", []);
            Assert.Throws<ChatTemplateException>(() => chat.EncodeChat(Turns, new ChatOptions { Tools = [tool] }));
            Assert.Throws<ChatTemplateException>(() => chat.EncodeChat([Turns[1], Turns[2] with { Reasoning = "because" }]));
            Assert.Throws<ChatTemplateException>(() => chat.EncodeChat([Turns[1], Turns[2] with { ToolCalls = [new ToolCall("now", [])] }]));
        }
    }

    private static Tensor Table(OutputHead model) => model.Weights.Single(weight => weight.Name == "embeddings.token.weight").Value;
}
