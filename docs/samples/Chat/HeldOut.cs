using System.Globalization;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Text;

namespace Chat;

/// <summary>Questions that nothing was trained on, in other words than those that were.</summary>
internal static class HeldOut
{
    /// <summary>Prints the share that is answered rightly: with the expected answer, or with the fact that no other answer holds.</summary>
    public static void Test(ChatModel model, GenerationOptions options, string file)
    {
        (string Question, string Answer, string Fact)[] held =
            [.. JsonLines.Read(file).Select(row => (row["question"], row["answer"], row["fact"]))];
        List<ChatTurn>[] asked = [.. held.Select(one => new List<ChatTurn> { new("user", one.Question) })];
        string[] answers = [.. asked.Chunk(16).SelectMany(some => model.ReplyBatch(some, options)).Select(texts => texts[0].Text.Trim())];
        (int exact, int right) = (0, 0);
        for (int i = 0; i < held.Length; i++)
        {
            if (answers[i] == held[i].Answer) exact++;
            if (answers[i].Contains(held[i].Fact, StringComparison.OrdinalIgnoreCase)) right++;
            else Console.WriteLine($"  wrong: {held[i].Question} -> {answers[i]}");
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"held out: {right} of {held.Length} paraphrases are answered rightly ({(double)right / held.Length:P1}): {exact} with the expected answer, {right - exact} with its key fact in other words"));
    }
}
