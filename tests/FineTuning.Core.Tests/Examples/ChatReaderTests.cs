using System.Text;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>Readers of conversations, preferences, texts and translations: what the reference's cases do not have.</summary>
public sealed class ChatReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Tools_come_as_a_list_or_as_its_text_with_or_without_a_wrapper()
    {
        const string function = """{"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}}""";
        const string messages = """[{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "No."}]""";
        string quoted = System.Text.Json.JsonSerializer.Serialize($"[{function}]");
        string path = Write("tools.jsonl", $"{{\"messages\": {messages}, \"tools\": [{function}]}}\n{{\"messages\": {messages}, \"tools\": [{{\"type\": \"function\", \"function\": {function}}}]}}\n{{\"messages\": {messages}, \"tools\": {quoted}}}\n{{\"messages\": {messages}, \"tools\": \"\"}}");
        Conversation[] read = [.. Conversations.Read(path)];
        Assert.All(read[..3], conversation => Assert.Equal("weather", (string)Assert.Single(conversation.Tools!).ToJson()["function"]!["name"]!));
        Assert.Null(read[3].Tools);
    }

    [Fact]
    public void Reasoning_and_calls_reach_the_turns()
    {
        string path = Write("calls.jsonl", """{"messages": [{"role": "user", "content": "Now?"}, {"role": "assistant", "content": null, "reasoning_content": "look", "tool_calls": [{"type": "function", "function": {"name": "clock", "arguments": {"zone": "utc"}}}]}, {"role": "tool", "content": "12:00"}, {"role": "assistant", "content": "Noon."}]}""");
        Conversation read = Conversations.Read(path).Single();
        Assert.Equal("look", read.Turns[1].Reasoning);
        Assert.Equal("clock", read.Turns[1].ToolCalls.Single().Name);
        Assert.Equal("Noon.", read.Turns[3].Content);
    }

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "x"}]}""", "surrogate")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "text", "text": 4}]}, {"role": "assistant", "content": "x"}]}""", "number")]
    [InlineData("""{"messages": [[], {"role": "assistant", "content": "x"}]}""", "a list")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}], "tools": [3]}""", "tool 1")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}], "tools": "{"}""", "no valid JSON")]
    [InlineData("""{"system": "a", "messages": [{"role": "system", "content": "b"}, {"role": "assistant", "content": "x"}]}""", "two system messages")]
    [InlineData("""{"instruction": "a", "output": "b", "history": [["x"]]}""", "history")]
    [InlineData("""{"chosen": "a", "rejected": "b", "prompt": "c"}""", "Preference")]
    public void What_is_wrong_is_said_with_file_and_line(string record, string expected)
    {
        string path = Write("bad.jsonl", "\n" + record);
        TrainingDataException fault = Assert.Throws<TrainingDataException>(() => Conversations.Read(path).Count());
        Assert.Contains("bad.jsonl, line 2:", fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompt_and_completion_as_messages_are_a_conversation_too()
    {
        string path = Write("both.jsonl", """{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}""");
        Conversation read = Conversations.Read(path).Single();
        Assert.Equal(3, read.PromptTurns);
        Assert.Equal(4, read.Turns.Count);
        Assert.True(PromptCompletions.Read(path).Single().Completion.Turns![0] == new ChatTurn("assistant", "d"));
    }

    [Fact]
    public void An_implicit_prompt_and_the_completions_make_the_texts_of_the_file()
    {
        var random = new Random(8);
        string[] pieces = ["a", "b", " ", "😀", "é"];
        for (int round = 0; round < 300; round++)
        {
            string Text() => string.Concat(Enumerable.Range(0, random.Next(1, 7)).Select(_ => pieces[random.Next(pieces.Length)]));
            (string chosen, string rejected) = (Text(), Text());
            string path = Write("pair.jsonl", System.Text.Json.JsonSerializer.Serialize(new { chosen, rejected }));
            PreferencePair pair = PreferencePairs.Read(path, new JsonReadingOptions { OnProblem = _ => { } }).Single();
            Assert.Equal(chosen, pair.Prompt.Text + pair.Chosen.Text);
            Assert.Equal(rejected, pair.Prompt.Text + pair.Rejected.Text);
            Assert.False(pair.Chosen.IsEmpty || pair.Rejected.IsEmpty);
            Assert.All(new[] { pair.Prompt.Text!, pair.Chosen.Text!, pair.Rejected.Text! }, part => Assert.False(part.Length > 0 && (char.IsHighSurrogate(part[^1]) || char.IsLowSurrogate(part[0]))));
        }
    }

    [Fact]
    public void Plain_text_is_read_by_lines_paragraphs_or_whole()
    {
        string path = Write("text.txt", "one\ntwo\r\n\n \nthree\rfour\n");
        Assert.Equal(["one", "two", "three", "four"], PlainText.Read(path));
        Assert.Equal(["one\ntwo", "three\nfour"], PlainText.Read(path, TextUnit.Paragraph));
        Assert.Equal(["one\ntwo\n\n \nthree\nfour"], PlainText.Read(path, TextUnit.File));
        Assert.Contains("line 1:", Assert.Throws<TrainingDataException>(() => PlainText.Read(path, TextUnit.Line, 2).Count()).Message, StringComparison.Ordinal);
        Assert.Throws<TrainingDataException>(() => PlainText.Read(path, TextUnit.File, 6).Count());
        Assert.Throws<TrainingDataException>(() => PlainText.Read(Write("empty.txt", "\n \n")).Count());
    }

    [Fact]
    public void Sources_and_targets_come_from_any_columns()
    {
        string tsv = Write("pairs.tsv", "de\ten\nHund\tdog\nKatze\tcat\n");
        Assert.Equal([new SourceTarget("Hund", "dog"), new SourceTarget("Katze", "cat")], Tsv.Read(tsv).SourceTargets("de", "en"));
        string json = Write("pairs.jsonl", """{"translation": {"de": "Hund", "en": "dog"}}""" + "\n" + """{"translation": {"de": "Hund"}}""");
        Assert.Equal(new SourceTarget("Hund", "dog"), JsonLines.Read(json).SourceTargets("translation.de", "translation.en").First());
        Assert.Contains("line 2:", Assert.Throws<TrainingDataException>(() => JsonLines.Read(json).SourceTargets("translation.de", "translation.en").Count()).Message, StringComparison.Ordinal);
        Assert.Contains("'en' is empty", Assert.Throws<TrainingDataException>(() => Tsv.Read(Write("none.tsv", "de\ten\nHund\t\n")).SourceTargets("de", "en").Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mutated_records_are_read_or_refused_and_nothing_else()
    {
        string root = Goldens.Require("readers");
        string[] lines = [.. Directory.GetFiles(Path.Combine(root, "files"), "*.jsonl", SearchOption.AllDirectories).Where(file => file.Contains("chat", StringComparison.Ordinal)).SelectMany(File.ReadAllLines)];
        if (lines.Length == 0) Assert.Skip("the chat files are not in this set of goldens");
        var random = new Random(6);
        for (int round = 0; round < 400; round++)
        {
            var line = new StringBuilder(lines[random.Next(lines.Length)]);
            for (int i = 0; i < random.Next(1, 4); i++) line[random.Next(line.Length)] = "{}[]\",:0ax\\"[random.Next(11)];
            string path = Write("mutated.jsonl", line.ToString());
            var quiet = new JsonReadingOptions { OnProblem = _ => { } };
            foreach (Func<int> read in new Func<int>[]
            {
                () => Conversations.Read(path, null, quiet).Count(), () => PromptCompletions.Read(path, null, quiet).Count(), () => PreferencePairs.Read(path, quiet).Count(),
                () => UnpairedPreferences.Read(path, quiet).Count(),
            })
            {
                try
                {
                    _ = read();
                }
                catch (TrainingDataException)
                {
                    // Refused as a whole: that is an answer too.
                }
            }
        }
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
