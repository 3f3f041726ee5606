using System.Globalization;
using System.Text.RegularExpressions;
using FineTuning.Examples;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Documentation;

/// <summary>The samples Chat and Translate: their data, their checkpoints, and a short run of each.</summary>
public sealed partial class GeneratingSampleTests
{
    private const long AllWeights = 8_000_000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private static readonly string Samples = Path.Combine(Goldens.Repository, "docs", "samples");
    private static readonly Conversation[] Chats = [.. Conversations.Read(Path.Combine(Samples, "Chat", "data", "train.jsonl"))];
    private static readonly JsonRow[] HeldOut = [.. JsonLines.Read(Path.Combine(Samples, "Chat", "data", "heldout.jsonl"))];

    [Fact]
    public void No_question_that_is_held_out_is_trained_on_or_has_a_near_copy()
    {
        string[] trained = [.. Chats.SelectMany(chat => chat.Turns).Where(turn => turn.Role == "user").Select(turn => turn.Content!)];
        Assert.True(HeldOut.Length >= 80);
        Assert.Equal(HeldOut.Length, HeldOut.Select(row => row["question"]).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        foreach (JsonRow row in HeldOut)
        {
            HashSet<string> words = WordsOf(row["question"]);
            string nearest = trained.MaxBy(other => Overlap(words, WordsOf(other)))!;
            Assert.True(Overlap(words, WordsOf(nearest)) < 0.8, $"'{row["question"]}' is held out, '{nearest}' is trained on");
        }
    }

    [Fact]
    public void A_key_fact_stands_in_its_answer_alone()
    {
        string[] answers = [.. Chats.SelectMany(chat => chat.Turns).Where(turn => turn.Role == "assistant").Select(turn => turn.Content!).Distinct()];
        Assert.All(HeldOut, row => Assert.Equal([row["answer"]], answers.Where(answer => answer.Contains(row["fact"], StringComparison.OrdinalIgnoreCase))));
        Assert.Equal(answers.Order(StringComparer.Ordinal), HeldOut.Select(row => row["answer"]).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_sentence_that_is_held_out_is_trained_on()
    {
        string[] Read(string name) => [.. Tsv.Read(Path.Combine(Samples, "Translate", "data", name)).SourceTargets().Select(pair => pair.Source)];
        string[] trained = Read("train.tsv"), chosen = Read("dev.tsv"), held = Read("heldout.tsv");
        Assert.True(held.Length >= 100);
        Assert.Equal(trained.Length + chosen.Length + held.Length, trained.Concat(chosen).Concat(held).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void The_checkpoints_of_all_samples_together_are_small_and_stored_as_bfloat16()
    {
        string[] files = [.. new[] { "QuickStart", "Chat", "Translate" }.Select(sample => Path.Combine(Samples, sample, "starter", "model.safetensors"))];
        if (files.FirstOrDefault(file => !File.Exists(file)) is { } missing) Assert.Skip($"{missing} is missing: make it with docs/samples/MakeStarter");
        Assert.InRange(files.Sum(file => new FileInfo(file).Length), 1, AllWeights);
        foreach (string file in files)
        {
            using SafetensorsFile weights = SafetensorsFile.Open(file);
            Assert.All(weights.Tensors.Values, tensor => Assert.Equal("BF16", tensor.DataType));
        }
    }

    [Theory]
    [InlineData("Chat", "4", "When are you open?", 0.6)]
    [InlineData("Translate", "15", "The lamp costs twelve euros.", 0.8)]
    public async Task A_run_ends_well_and_has_learned_something(string sample, string epochs, string asked, double least)
    {
        if (!File.Exists(Path.Combine(Samples, sample, "starter", "config.json"))) Assert.Skip($"{sample} has no starter: make it with docs/samples/MakeStarter");
        string text = await BuiltProgram.Run(sample, Limit, "--epochs", epochs, "--ask", asked);
        string[] lines = text.TrimEnd().Split('\n');
        int at = Array.FindIndex(lines, line => Share().IsMatch(line));
        Assert.True(at >= 0 && double.Parse(Share().Match(lines[at]).Groups[1].Value, CultureInfo.InvariantCulture) >= 100 * least, text);
        // Behind it stands what was asked, in Chat, and the answer.
        Assert.True(lines.Length > at + 1 && lines[^1].Trim() != $"> {asked}", text);
    }

    private static double Overlap(HashSet<string> one, HashSet<string> other)
    {
        int shared = one.Intersect(other).Count();
        return shared / (double)(one.Count + other.Count - shared);
    }

    private static HashSet<string> WordsOf(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"held out: .*?([0-9.]+)\s?%")]
    private static partial Regex Share();
}
