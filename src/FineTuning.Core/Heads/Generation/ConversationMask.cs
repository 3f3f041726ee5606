using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Which tokens of a conversation are learned: those of its answers, but for answers that are context.</summary>
internal static class ConversationMask
{
    private const string Assistant = "assistant";

    private static readonly string[] WeightFields = ["loss_weight", "weight"];

    /// <summary>The conversation through the tokenizer's template, with the proved mask of its answers.</summary>
    /// <exception cref="TrainingDataException">It has no turn, or its prompt is longer than itself.</exception>
    /// <exception cref="ChatTemplateException">The template refuses it, or it cannot be proved where an answer stands.</exception>
    public static EncodedChat Chat(PretrainedTokenizer tokenizer, Conversation example)
    {
        IReadOnlyList<ChatTurn> turns = ExampleParts.Require(example.Turns, "turns");
        if (turns.Count == 0) throw new TrainingDataException("the conversation has no turns");
        if (turns.Contains(null!)) throw new TrainingDataException("a turn of the conversation is null");
        if (example.PromptTurns < 0 || example.PromptTurns > turns.Count)
            throw new TrainingDataException($"PromptTurns is {example.PromptTurns}, but the conversation has {turns.Count} turns");
        return tokenizer.EncodeChat(turns, new ChatOptions { Tools = example.Tools });
    }

    /// <summary>Whether each token is learned.</summary>
    /// <param name="chat">The conversation's tokens.</param>
    /// <param name="example">The conversation.</param>
    /// <param name="lastOnly">Whether only the last answer is.</param>
    /// <exception cref="TrainingDataException">A weight is not 0 or 1, or it is not known which answer is which.</exception>
    public static bool[] Of(EncodedChat chat, Conversation example, bool lastOnly)
    {
        bool[] wanted = Wanted(example, lastOnly);
        if (wanted.All(answer => answer)) return chat.LossMask;
        if (chat.AnswerRanges.Count != wanted.Length)
        {
            throw new TrainingDataException(
                $"the template marks {chat.AnswerRanges.Count} answers and the conversation has {wanted.Length} turns of the assistant, "
                + "so that it is not known which are context; "
                + "use a template that marks each turn once, or make a conversation of each answer that is learned");
        }
        var learned = new bool[chat.Ids.Length];
        int answer = -1;
        for (int i = 0; i < learned.Length; i++)
        {
            // The end token stands behind an answer and before the next: it belongs to the last that has begun.
            // A token that reaches into the next belongs there.
            while (answer + 1 < wanted.Length && chat.Ends[i] > chat.AnswerRanges[answer + 1].Start) answer++;
            learned[i] = chat.LossMask[i] && answer >= 0 && wanted[answer];
        }
        return learned;
    }

    /// <summary>Of each answer, whether it is learned.</summary>
    private static bool[] Wanted(Conversation example, bool lastOnly)
    {
        int[] answers = [.. Enumerable.Range(0, example.Turns.Count).Where(i => example.Turns[i].Role == Assistant)];
        return [.. answers.Select((turn, i) => turn >= example.PromptTurns && (!lastOnly || i == answers.Length - 1) && Weight(example.Turns[turn]))];
    }

    private static bool Weight(ChatTurn turn)
    {
        foreach (string field in WeightFields)
        {
            if (turn[field] is not JsonValue given) continue;
            double? weight = given.TryGetValue(out double number) ? number : given.TryGetValue(out long whole) ? whole : null;
            if (weight is 0) return false;
            if (weight is not 1) throw new TrainingDataException($"'{field}' of a turn is {given.ToJsonString()}: it is 0, where the turn is context, or 1");
        }
        return true;
    }
}
