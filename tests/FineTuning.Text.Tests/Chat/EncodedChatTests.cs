using FineTuning.Errors;
using FineTuning.Text;
using Microsoft.Extensions.Logging;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>What encoding a conversation reports and refuses.</summary>
public sealed class EncodedChatTests
{
    private const string Unmarked = "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    private const string Marked = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}";

    private static readonly Dictionary<string, string> Roles = new() { ["bos_token"] = "<s>", ["eos_token"] = "<|im_end|>" };
    private static readonly IReadOnlyList<ChatTurn> Talk = TinyChat.Turns(("user", "What is 2+2?"), ("assistant", "4"), ("user", "Of Chile?"), ("assistant", "yes yes"));

    [Theory]
    [InlineData(Unmarked, AnswerSource.PrefixRendering)]
    [InlineData(Marked, AnswerSource.GenerationMarks)]
    public void Answers_and_their_end_tokens_are_learned(string template, AnswerSource source)
    {
        EncodedChat chat = TinyChat.Tokenizer(template, Roles).EncodeChat(Talk);
        Assert.Equal(source, chat.Source);
        Assert.Equal("4<|im_end|>yes yes<|im_end|>", TinyChat.TextOf(chat, learned: true));
        Assert.Equal(chat.LossMask.Count(learned => learned), chat.LearnedTokens);
        Assert.Empty(chat.Problems);
        Assert.Equal((0, 0, 0, 0), (chat.TruncatedTokens, chat.DoubledBeginTokens, chat.AdjacentEndTokens, chat.AnswersWithoutEnd));
    }

    [Fact]
    public void Long_conversations_have_the_same_mask_by_marks_and_by_prefixes()
    {
        ChatTurn[] turns = [.. Enumerable.Range(0, 400).Select(i => new ChatTurn(i % 2 == 0 ? "user" : "assistant", $"Message number {i} says yes."))];
        PretrainedTokenizer unmarked = TinyChat.Tokenizer(Unmarked.Replace("{{ bos_token }}", "", StringComparison.Ordinal), Roles), marked = TinyChat.Tokenizer(Marked, Roles);
        long start = Environment.TickCount64;
        EncodedChat byPrefixes = unmarked.EncodeChat(turns);
        long middle = Environment.TickCount64;
        EncodedChat byMarks = marked.EncodeChat(turns);
        TestContext.Current.TestOutputHelper?.WriteLine($"{middle - start} ms by prefixes, {Environment.TickCount64 - middle} ms by marks");
        Assert.Equal(byMarks.Ids, byPrefixes.Ids);
        Assert.Equal(byMarks.LossMask, byPrefixes.LossMask);
        Assert.Equal(200, byPrefixes.AnswerRanges.Count);
    }

    [Fact]
    public void A_conversation_is_tokenized_as_its_text_without_further_special_tokens()
    {
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(Unmarked, Roles);
        EncodedChat chat = tokenizer.EncodeChat(Talk);
        TokenizedText row = tokenizer.Encode(tokenizer.ChatTemplate.Render(Talk).Text, null, new TokenizingOptions { AddSpecialTokens = false });
        Assert.Equal(row.Ids, chat.Ids);
        Assert.Equal(row.Starts, chat.Starts);
        Assert.Equal(row.Ends, chat.Ends);
    }

    [Theory]
    [InlineData("{{ bos_token }}" + Unmarked, 1, 0)]
    [InlineData(Unmarked + "{{ eos_token }}{{ eos_token }}{{ eos_token }}", 0, 2)]
    public void Doubled_tokens_are_counted_and_logged(string template, int begins, int ends)
    {
        var logger = new ListLogger();
        EncodedChat chat = TinyChat.Tokenizer(template, Roles).EncodeChat(TinyChat.Turns(("user", "Of Peru?")), new ChatOptions { AddGenerationPrompt = ends == 0, Logger = logger });
        Assert.Equal((begins, ends), (chat.DoubledBeginTokens, chat.AdjacentEndTokens));
        Assert.Contains(logger.Entries, entry => entry.Id == 62 && entry.Level == LogLevel.Warning && entry.Message.Contains("twice in a row", StringComparison.Ordinal));
    }

    [Fact]
    public void A_mask_of_zeros_is_reported()
    {
        var logger = new ListLogger();
        EncodedChat chat = TinyChat.Tokenizer(Marked, Roles).EncodeChat(TinyChat.Turns(("user", "Of Peru?")), new ChatOptions { Logger = logger });
        Assert.Equal(0, chat.LearnedTokens);
        Assert.Contains("no answer by the assistant", Assert.Single(chat.Problems));
        Assert.Equal(62, Assert.Single(logger.Entries).Id);
    }

    [Fact]
    public void What_is_cut_off_is_counted()
    {
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(Marked, Roles);
        EncodedChat whole = tokenizer.EncodeChat(Talk);
        for (int length = 1; length <= whole.Ids.Length; length++)
        {
            EncodedChat cut = tokenizer.EncodeChat(Talk, new ChatOptions { MaximumLength = length });
            Assert.Equal(whole.Ids[..length], cut.Ids);
            Assert.Equal(whole.LossMask[..length], cut.LossMask);
            Assert.Equal((whole.Ids.Length - length, whole.LearnedTokens - cut.LearnedTokens), (cut.TruncatedTokens, cut.TruncatedLearnedTokens));
            Assert.Equal(length < whole.Ids.Length, cut.Problems.Any(problem => problem.Contains("were cut off, ", StringComparison.Ordinal)));
            Assert.Equal(0, cut.AnswersWithoutEnd);
        }
    }

    [Fact]
    public void An_answer_whose_end_is_not_learned_is_reported()
    {
        EncodedChat chat = TinyChat.Tokenizer(Marked.Replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>", StringComparison.Ordinal), Roles).EncodeChat(Talk);
        Assert.Equal("4yes yes", TinyChat.TextOf(chat, learned: true));
        Assert.Equal(2, chat.AnswersWithoutEnd);
        Assert.Contains("does not learn to stop", Assert.Single(chat.Problems));
    }

    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "nothing that asks for an answer")]
    [InlineData("{% for m in messages %}<|im_start|>{{ m.role }}{{ ' last' if loop.last }}\n{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant last\n{% endif %}", "in other words")]
    [InlineData("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ ' last' if loop.last }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "in other words")]
    [InlineData("{{ messages | length }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "in other words")]
    [InlineData("{% if messages[-1].role == 'user' and not add_generation_prompt %}{{ raise_exception('no') }}{% endif %}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}", "which fails: no")]
    public void What_cannot_be_proved_is_refused(string template, string reason)
    {
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(template, Roles);
        var fault = Assert.Throws<ChatTemplateException>(() => tokenizer.EncodeChat(Talk));
        Assert.Contains("no loss mask", fault.Message);
        Assert.Contains(reason, fault.Message);
        // As a prompt it needs no mask.
        if (!template.Contains("raise_exception", StringComparison.Ordinal)) Assert.Equal(AnswerSource.None, tokenizer.EncodeChat(Talk, new ChatOptions { AddGenerationPrompt = true }).Source);
    }

    [Theory]
    [InlineData("{% for m in messages %}{{ m.content }}{{ ' A' if m.role == 'user' else '<|im_end|>' }}{% endfor %}", "nswer: yes", "are others where the text goes on")]
    [InlineData("{% for m in messages %}{{ m.content }}{{ ':' if m.role == 'user' }}{% endfor %}", "Answ", "which the next turn shares")]
    public void Tokens_that_reach_over_the_edge_of_an_answer_are_refused(string template, string answer, string reason)
    {
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(template, Roles);
        IReadOnlyList<ChatTurn> turns = TinyChat.Turns(("user", "Peru"), ("assistant", answer), ("user", "er"), ("assistant", "yes"));
        Assert.Contains(reason, Assert.Throws<ChatTemplateException>(() => tokenizer.EncodeChat(turns)).Message);
        Assert.Equal(2, tokenizer.ChatTemplate.RenderWithAnswers(turns).AnswerRanges.Count);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("assistant")]
    [InlineData("")]
    public void A_header_that_looks_like_the_answer_is_not_learned(string answer)
    {
        const string headed = "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}", bare = "{% for m in messages %}{{ m.role + ': ' if m.role == 'user' }} {{ m.content }}<|im_end|>{% endfor %}";
        IReadOnlyList<ChatTurn> turns = TinyChat.Turns(("user", "Peru"), ("assistant", answer));
        Assert.Contains("nothing that asks for an answer", Assert.Throws<ChatTemplateException>(() => TinyChat.Tokenizer(headed, Roles).EncodeChat(turns)).Message);
        Assert.Equal($" {answer}<|im_end|>", TinyChat.TextOf(TinyChat.Tokenizer(bare, Roles).EncodeChat(turns), learned: true));
    }

    [Fact]
    public void Later_turns_that_change_earlier_ones_are_found_out()
    {
        const string template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content if loop.last else m.content | upper }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(template, Roles);
        Assert.Contains("in other words", Assert.Throws<ChatTemplateException>(() => tokenizer.EncodeChat(Talk)).Message);
        IReadOnlyList<ChatTurn> loud = TinyChat.Turns(("user", "PERU?"), ("assistant", "no"), ("user", "CHILE?"), ("assistant", "yes"));
        Assert.Contains("differently once others follow", Assert.Throws<ChatTemplateException>(() => tokenizer.EncodeChat(loud)).Message);
        Assert.Equal("no<|im_end|>", TinyChat.TextOf(tokenizer.EncodeChat([.. loud.Take(2)]), learned: true));
    }

    [Fact]
    public void Marks_around_a_text_that_is_changed_afterwards_are_refused()
    {
        const string template = "{% set x %}{% generation %}abc{% endgeneration %}{% endset %}{{ x | replace('b', '') }}";
        Assert.Contains("changed by a filter", Assert.Throws<ChatTemplateException>(() => TinyChat.Tokenizer(template, Roles).EncodeChat(Talk)).Message);
    }

    [Fact]
    public void A_folder_without_a_template_falls_back_and_says_so()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        TinyChat.Tokenizer("x", Roles).Save(folder);
        File.Delete(Path.Combine(folder, "chat_template.jinja"));
        var logger = new ListLogger();
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
        EncodedChat chat = tokenizer.EncodeChat(Talk, new ChatOptions { Logger = logger });
        Assert.True(tokenizer.ChatTemplate.IsFallback);
        Assert.Equal("<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\nOf Chile?<|im_end|>\n<|im_start|>assistant\nyes yes<|im_end|>\n", chat.Text);
        Assert.Equal("4<|im_end|>yes yes<|im_end|>", TinyChat.TextOf(chat, learned: true));
        (int id, LogLevel level, string message) = Assert.Single(logger.Entries);
        Assert.Equal((61, LogLevel.Information), (id, level));
        Assert.Contains("not in the vocabulary", message);
        Assert.Throws<ChatTemplateException>(() => tokenizer.EncodeChat(Talk, new ChatOptions { Tools = [new ChatTool("f", "d", [])] }));
        tokenizer.Save(folder);
        Assert.False(File.Exists(Path.Combine(folder, "chat_template.jinja")));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Another_template_is_saved_and_comes_back()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(Marked, Roles);
        tokenizer.Save(folder);
        Assert.Equal(Marked, PretrainedTokenizer.Load(folder).ChatTemplate.TextOf());
        Assert.Equal(tokenizer.EncodeChat(Talk).LossMask, PretrainedTokenizer.Load(folder).EncodeChat(Talk).LossMask);
        Assert.Throws<ChatTemplateException>(() => tokenizer.WithChatTemplate("{% if %}"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_character_of_several_tokens_is_learned_whole()
    {
        const string template = "{% for m in messages %}{{ m.role[:1] }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}|{% endfor %}";
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(template, Roles);
        IReadOnlyList<ChatTurn> turns = TinyChat.Turns(("user", "a"), ("assistant", "b日"));
        // The last character takes three byte tokens.
        Assert.Equal(4, tokenizer.EncodeChat(turns).LearnedTokens);
    }

    [Fact]
    public void Every_token_is_explained()
    {
        IReadOnlyList<ChatTurn> turns = TinyChat.Turns(("user", "<script>alert('x')</script>\tA"), ("assistant", "日\n&"));
        EncodedChat chat = TinyChat.Tokenizer(Marked, Roles).EncodeChat(turns);
        string[] lines = chat.Explain().TrimEnd('\n').Split('\n');
        Assert.Equal(chat.Ids.Length + 1, lines.Length);
        Assert.StartsWith($"{chat.LearnedTokens} of {chat.Ids.Length} tokens are learned", lines[0]);
        Assert.Equal(chat.LearnedTokens, lines.Skip(1).Count(line => line.Contains("  learned  ", StringComparison.Ordinal)));
        string page = chat.ExplainHtml();
        Assert.Equal(chat.LearnedTokens, page.Split("class=\"learned\"").Length - 1);
        Assert.Equal(chat.Ids.Length, page.Split("<span").Length - 1);
        Assert.DoesNotContain("<script", page);
        Assert.DoesNotContain("http", page);
    }

    [Fact]
    public void Options_are_checked_together()
    {
        var options = new ChatOptions { AddGenerationPrompt = true, ContinueFinalMessage = true, TemplateName = "a", TemplateText = "b", MaximumLength = 0, Variables = new Dictionary<string, System.Text.Json.Nodes.JsonNode?> { ["messages"] = 1 } };
        Assert.Equal(4, Assert.Throws<InvalidOptionsException>(() => ChatTemplate.Parse("x").Render(Talk, options)).Violations.Count);
        Assert.Throws<ArgumentException>(() => ChatTemplate.Parse("x").Render([]));
        Assert.Contains("single one", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse("x").Render(Talk, new ChatOptions { TemplateName = "rag" })).Message);
    }
}
