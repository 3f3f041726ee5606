using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Chat;

/// <summary>The last target of an answer is the token at which generation stops, for every template there is.</summary>
public sealed class TurnEndTests
{
    public static TheoryData<string> TemplateNames() => Goldens.Folder("chat-templates") is null ? [] : [.. ChatGoldens.Require().Templates];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(TemplateNames))]
    public void The_last_target_of_an_answer_is_a_token_at_which_generation_stops(string name)
    {
        ChatGoldens goldens = ChatGoldens.Require();
        PretrainedTokenizer tokenizer = TinyChat.Tokenizer(goldens.TextOf(name)!, goldens.TokensOf(name));
        IReadOnlyList<int> ends;
        try
        {
            ends = tokenizer.TurnEndIds(new ChatOptions { Clock = goldens.Clock });
        }
        catch (ChatTemplateException refused)
        {
            Assert.Skip($"{name} refuses a plain conversation: {refused.Message}");
            return;
        }
        int answers = 0, open = 0;
        foreach (string conversation in goldens.Conversations)
        {
            if (Encoded(tokenizer, goldens.Conversation(conversation), goldens) is not { } chat) continue;
            int[] last = [.. TurnEnds.LastLearned(chat)];
            int[] without = [.. last.Where(i => !tokenizer.IsAdded(chat.Ids[i]))];
            // What ends in no control token is not hidden: it is counted, and the encoder reports it.
            Assert.Equal(without.Length, chat.AnswersWithoutEnd);
            foreach (int i in last.Except(without)) Assert.True(ends.Contains(chat.Ids[i]), $"{name} {conversation}: '{tokenizer.Token(chat.Ids[i])}'{Environment.NewLine}{chat.Explain()}");
            (answers, open) = (answers + last.Length, open + without.Length);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {answers} answers, {open} without an end token; ends: {string.Join(" ", ends.Select(tokenizer.Token))}");
        if (answers == 0) Assert.Skip($"{name} encodes no conversation with an answer");
    }

    private static EncodedChat? Encoded(PretrainedTokenizer tokenizer, IReadOnlyList<ChatTurn> turns, ChatGoldens goldens)
    {
        try
        {
            return tokenizer.EncodeChat(turns, new ChatOptions { Clock = goldens.Clock });
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }
}
