using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>What must hold of every loss mask, for every template there is and every conversation that it renders: the mask is right, or the conversation is refused.</summary>
public sealed class MaskLawTests
{
    private static readonly string[] Roles = ["user", "assistant", "user", "assistant"];

    public static TheoryData<string> TemplateNames() => Goldens.Folder("chat-templates") is null ? [] : [.. ChatGoldens.Require().Templates];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(TemplateNames))]
    public void Answers_are_learned_and_nothing_else_is(string name)
    {
        ChatGoldens goldens = ChatGoldens.Require();
        PretrainedTokenizer[] tokenizers = [Tokenizer(goldens, name), TinyChat.Tokenizer(goldens.TextOf(name)!, goldens.TokensOf(name), trims: true)];
        int encoded = 0, refused = 0;
        var reasons = new HashSet<string>();
        // A mark of one's own may stand anywhere; published ones stand around answers.
        bool strict = !goldens.IsMarked(name) || goldens.IsPublished(name);
        // Words that occur nowhere else, so that where they land is beyond doubt; lengths and edges differ.
        foreach ((PretrainedTokenizer tokenizer, int count) in tokenizers.SelectMany(tokenizer => new[] { (tokenizer, 2), (tokenizer, 4) }))
        {
            foreach (string edge in new[] { "", "x", "\n" })
            {
                ChatTurn[] turns = [.. Roles.Take(count).Select((role, i) => new ChatTurn(role, edge == "\n" ? $"\nQz{i}w vq{i}k\n" : $"Qz{i}w{edge} vq{i}k"))];
                if (Encoded(tokenizer, turns, goldens, out string? reason) is not { } chat)
                {
                    refused++;
                    reasons.Add(reason!);
                    continue;
                }
                encoded++;
                string learned = TinyChat.TextOf(chat, learned: true), other = TinyChat.TextOf(chat, learned: false);
                for (int i = 0; i < count; i++)
                {
                    foreach (string word in new[] { $"Qz{i}w", $"vq{i}k" })
                    {
                        Assert.True(!strict || (Roles[i] == "assistant" ? learned : other).Contains(word, StringComparison.Ordinal), $"'{word}' of {Roles[i]} in{Environment.NewLine}{chat.Explain()}");
                        Assert.True(!strict || !(Roles[i] == "assistant" ? other : learned).Contains(word, StringComparison.Ordinal), $"'{word}' of {Roles[i]} in{Environment.NewLine}{chat.Explain()}");
                    }
                }
                if (chat.Source == AnswerSource.PrefixRendering) EndsAreTaught(chat, tokenizer);
                else Assert.All(Enumerable.Range(0, chat.Ids.Length).Where(k => chat.Starts[k] < chat.Ends[k]), k => Assert.Equal(Enumerable.Range(chat.Starts[k], chat.Ends[k] - chat.Starts[k]).Any(at => chat.AnswerRanges.Any(range => range.Start <= at && at < range.End)), chat.LossMask[k]));
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{encoded} encoded, {refused} refused {string.Join(Environment.NewLine, reasons.Take(3))}");
        Assert.True(encoded > 0 || refused > 0);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(TemplateNames))]
    public void What_is_learned_follows_the_tokens_of_the_prompt(string name)
    {
        ChatGoldens goldens = ChatGoldens.Require();
        PretrainedTokenizer tokenizer = Tokenizer(goldens, name);
        foreach (string conversation in goldens.Conversations)
        {
            IReadOnlyList<ChatTurn> turns = goldens.Conversation(conversation);
            if (Encoded(tokenizer, turns, goldens) is not { Source: AnswerSource.PrefixRendering } chat) continue;
            int[] answers = [.. Enumerable.Range(0, turns.Count).Where(i => turns[i].Role == "assistant")];
            Assert.Equal(answers.Length, chat.AnswerRanges.Count);
            for (int k = 0; k < answers.Length; k++)
            {
                EncodedChat prompt = tokenizer.EncodeChat([.. turns.Take(answers[k])], new ChatOptions { AddGenerationPrompt = true, Clock = goldens.Clock });
                Assert.Equal(chat.Text[..chat.AnswerRanges[k].Start], prompt.Text);
                Assert.Equal(prompt.Ids, chat.Ids[..prompt.Ids.Length]);
                Assert.True(prompt.Ids.Length == 0 || !chat.LossMask[prompt.Ids.Length - 1] || (k > 0 && chat.Ends[prompt.Ids.Length - 1] <= chat.AnswerRanges[k - 1].End));
                bool writes = prompt.Ids.Length < chat.Ids.Length && chat.Starts[prompt.Ids.Length] < chat.AnswerRanges[k].End;
                Assert.Equal(writes, prompt.Ids.Length < chat.Ids.Length && chat.LossMask[prompt.Ids.Length]);
            }
        }
    }

    [Fact]
    public void Prefix_rendering_finds_what_the_marks_of_the_training_template_say()
    {
        ChatGoldens goldens = ChatGoldens.Require();
        int compared = 0;
        foreach (string marked in goldens.Templates.Where(goldens.IsMarked))
        {
            string plain = marked.Replace("_training", "", StringComparison.Ordinal);
            if (plain == marked || !goldens.Templates.Contains(plain)) continue;
            PretrainedTokenizer first = Tokenizer(goldens, plain), second = Tokenizer(goldens, marked);
            foreach (string conversation in goldens.Conversations)
            {
                IReadOnlyList<ChatTurn> turns = goldens.Conversation(conversation);
                if (Encoded(first, turns, goldens) is not { } found || Encoded(second, turns, goldens) is not { } expected || found.Text != expected.Text) continue;
                compared++;
                for (int i = 0; i < found.Ids.Length; i++)
                {
                    // Marks take in the white space that the template puts around an answer, and some take in its header, which stands in the prompt when a model is asked.
                    bool asked = expected.LossMask[i] && !found.AnswerRanges.Any(range => range.Start < found.Ends[i] && found.Starts[i] < range.End);
                    // The token that ends the whole text is an answer's end where the template writes nothing for the turns behind it; marks go by the last turn's role.
                    bool closing = found.LossMask[i] && i == found.Ids.Length - 1 && found.Ids[i] == first.EndId;
                    if (found.LossMask[i] == expected.LossMask[i] || asked || closing || string.IsNullOrWhiteSpace(found.Text[found.Starts[i]..found.Ends[i]])) continue;
                    Assert.Fail($"{marked} {conversation}, token {i}:{Environment.NewLine}{found.Explain()}{Environment.NewLine}{expected.Explain()}");
                }
            }
        }
        if (compared == 0) Assert.Skip("no template with a training variant is beside this checkout");
    }

    private static void EndsAreTaught(EncodedChat chat, PretrainedTokenizer tokenizer)
    {
        int open = 0;
        for (int i = 0; i < chat.Ids.Length; i++)
        {
            bool ends = chat.LossMask[i] && (i + 1 == chat.Ids.Length || !chat.LossMask[i + 1]);
            if (ends && !tokenizer.IsSpecial(chat.Ids[i])) open++;
        }
        Assert.Equal(open, chat.AnswersWithoutEnd);
    }

    private static PretrainedTokenizer Tokenizer(ChatGoldens goldens, string name) => TinyChat.Tokenizer(goldens.TextOf(name)!, goldens.TokensOf(name));

    private static EncodedChat? Encoded(PretrainedTokenizer tokenizer, IReadOnlyList<ChatTurn> turns, ChatGoldens goldens) => Encoded(tokenizer, turns, goldens, out _);

    private static EncodedChat? Encoded(PretrainedTokenizer tokenizer, IReadOnlyList<ChatTurn> turns, ChatGoldens goldens, out string? reason)
    {
        reason = null;
        try
        {
            return tokenizer.EncodeChat(turns, new ChatOptions { Clock = goldens.Clock });
        }
        catch (ChatTemplateException fault)
        {
            reason = fault.Message;
            return null;
        }
    }
}
