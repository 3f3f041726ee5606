using System.Diagnostics;
using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>Folders that were made to harm: what they hold is refused with a typed error, in little time, and nothing from outside comes in.</summary>
public sealed class HostileFolderTests : IDisposable
{
    private const string Minimal = """{"model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}}""";

    private readonly string _root = Directory.CreateTempSubdirectory().FullName;

    private string Folder => Directory.CreateDirectory(Path.Combine(_root, "model")).FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_link_that_leaves_the_folder_is_refused()
    {
        string key = Path.Combine(_root, "id_rsa");
        File.WriteAllText(key, "[UNK]\nprivate");
        File.CreateSymbolicLink(Path.Combine(Folder, "vocab.txt"), key);
        Refused("vocab.txt", "leaves the folder");
        File.Delete(Path.Combine(Folder, "vocab.txt"));
        File.CreateSymbolicLink(Path.Combine(Folder, "vocab.txt"), Path.Combine("..", "id_rsa"));
        Refused("vocab.txt", "leaves the folder");
    }

    [Fact]
    public void A_folder_of_links_that_leaves_the_folder_is_refused()
    {
        string templates = Directory.CreateDirectory(Path.Combine(_root, "elsewhere")).FullName;
        File.WriteAllText(Path.Combine(templates, "secret.jinja"), "secret");
        Write("tokenizer.json", Minimal);
        Directory.CreateSymbolicLink(Path.Combine(Folder, "additional_chat_templates"), templates);
        Refused("secret.jinja", "leaves the folder");
    }

    [Fact]
    public void Only_files_that_were_read_are_saved()
    {
        Write("tokenizer.json", Minimal);
        Write("tokenizer_config.json", """{"model_max_length": 12}""");
        Write("vocab.txt", "not read");
        File.WriteAllText(Path.Combine(_root, "id_rsa"), "private");
        File.CreateSymbolicLink(Path.Combine(Folder, "spiece.model"), Path.Combine(_root, "id_rsa"));
        string target = Directory.CreateDirectory(Path.Combine(_root, "saved")).FullName;
        PretrainedTokenizer.Load(Folder).Save(target);
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(target).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_hubs_cache_is_read_through_its_links()
    {
        string blobs = Directory.CreateDirectory(Path.Combine(_root, "models--x--y", "blobs")).FullName;
        string snapshot = Directory.CreateDirectory(Path.Combine(_root, "models--x--y", "snapshots", "0123abcd")).FullName;
        File.WriteAllText(Path.Combine(blobs, "feed"), Minimal);
        File.CreateSymbolicLink(Path.Combine(snapshot, "tokenizer.json"), Path.Combine("..", "..", "blobs", "feed"));
        Assert.Equal([0], PretrainedTokenizer.Load(snapshot).Encode("a").Ids);
        // The folder itself may be a link, also as a part of a path.
        Directory.CreateSymbolicLink(Path.Combine(_root, "link"), Path.Combine(_root, "models--x--y"));
        Assert.Equal([0], PretrainedTokenizer.Load(Path.Combine(_root, "link", "snapshots", "0123abcd")).Encode("a").Ids);
    }

    [Fact]
    public void Links_in_a_circle_and_links_to_nothing_are_refused()
    {
        File.CreateSymbolicLink(Path.Combine(Folder, "tokenizer.json"), "config.json");
        File.CreateSymbolicLink(Path.Combine(Folder, "config.json"), "tokenizer.json");
        Refused("tokenizer.json", "circle");
        File.Delete(Path.Combine(Folder, "config.json"));
        Refused("tokenizer.json", "leads to no file");
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("config.json")]
    [InlineData("vocab.txt")]
    public async Task A_pipe_does_not_hang(string name)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("mkfifo is a tool of Unix");
        using (Process process = Process.Start("mkfifo", [Path.Combine(Folder, name)])) await process.WaitForExitAsync();
        CheckpointException refused = await Task.Run(() => Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(Folder))).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Contains($"{name}: it is no regular file", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_is_not_read()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("there is no /dev/zero");
        File.CreateSymbolicLink(Path.Combine(Folder, "tokenizer.json"), "/dev/zero");
        Refused("tokenizer.json", "leaves the folder");
    }

    [Theory]
    [InlineData("tokenizer.json", 513)]
    [InlineData("tokenizer_config.json", 65)]
    [InlineData("vocab.txt", 129)]
    [InlineData("spiece.model", 257)]
    public void A_file_larger_than_its_kind_is_refused_unread(string name, long mebibytes)
    {
        using (FileStream file = File.Create(Path.Combine(Folder, name))) file.SetLength(mebibytes << 20);
        long before = GC.GetTotalAllocatedBytes();
        Refused(name, "at most");
        Assert.True(GC.GetTotalAllocatedBytes() - before < 8 << 20);
    }

    [Theory]
    [InlineData("tokenizer.json", """{"model": {"type": "WordLevel", "vocab": {"\ud800": 0}, "unk_token": "a"}}""")]
    [InlineData("tokenizer.json", """{"\udc00": 1}""")]
    [InlineData("tokenizer_config.json", """{"chat_template": "\ud800"}""")]
    [InlineData("special_tokens_map.json", """{"unk_token": "\ud800"}""")]
    [InlineData("config.json", """{"model_type": "\ud800"}""")]
    [InlineData("config.json", "")]
    [InlineData("special_tokens_map.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")]
    public void Half_a_surrogate_pair_and_other_bad_json_names_its_file(string name, string contents)
    {
        if (name != "tokenizer.json") Write("tokenizer.json", Minimal);
        Write(name, contents);
        Refused(name, "");
        if (name == "tokenizer_config.json") Assert.Throws<CheckpointException>(() => ChatTemplate.Load(Folder));
    }

    [Theory]
    [InlineData("tokenizer.json", """{"added_tokens": 1, "added_tokens": [], "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]"}}""", "'added_tokens'")]
    [InlineData("tokenizer.json", """{"model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 0, "\u0061": 1}, "unk_token": "[UNK]"}}""", "'a'")]
    [InlineData("tokenizer_config.json", """{"chat_template": "x", "chat_template": "{{ messages[0].content }}"}""", "'chat_template'")]
    [InlineData("tokenizer_config.json", """{"x": {"y": 1, "y": 2}}""", "'y'")]
    [InlineData("special_tokens_map.json", """{"pad_token": "a", "pad_token": "b"}""", "'pad_token'")]
    [InlineData("config.json", """{"model_type": "bert", "model_type": "gpt2"}""", "'model_type'")]
    public void A_key_that_stands_twice_is_refused_since_readers_disagree_which_holds(string name, string contents, string key)
    {
        if (name != "tokenizer.json") Write("tokenizer.json", Minimal);
        Write(name, contents);
        Refused(name, "twice");
        Refused(name, key);
        if (name == "tokenizer_config.json") Assert.Throws<CheckpointException>(() => ChatTemplate.Load(Folder));
    }

    [Fact]
    public void A_word_that_stands_twice_in_the_vocabulary_of_an_older_tokenizer_is_refused_and_a_line_that_does_holds_as_in_the_reference()
    {
        Write("tokenizer_config.json", """{"tokenizer_class": "GPT2Tokenizer"}""");
        Write("vocab.json", """{"a": 0, "b": 1, "a": 2}""");
        Write("merges.txt", "#version: 0.2\n");
        Refused("vocab.json", "twice");
        File.Delete(Path.Combine(Folder, "vocab.json"));
        Write("tokenizer_config.json", """{"tokenizer_class": "BertTokenizer"}""");
        // A list of lines is no JSON: the reference reads it into a dictionary, in which the last line's number stays.
        Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n");
        Assert.Equal([2, 6, 3], PretrainedTokenizer.Load(Folder).Encode("a").Ids);
    }

    [Theory]
    [InlineData("""[{"role": "user", "role": "system", "content": "x"}]""")]
    [InlineData("""[{"role": "user", "content": "x", "\ud800": 1}]""")]
    [InlineData("[1]")]
    [InlineData("{")]
    public void Conversations_in_bad_json_are_refused(string json) =>
        Assert.IsAssignableFrom<FineTuningException>(Record.Exception(() => ChatTurn.ListFromJson(json)));

    [Fact]
    public void Json_as_deep_as_is_read_can_be_written_again()
    {
        Write("tokenizer.json", Minimal[..^1] + ", \"note\": " + new string('[', 120) + new string(']', 120) + "}");
        string target = Directory.CreateDirectory(Path.Combine(_root, "saved")).FullName;
        PretrainedTokenizer.Load(Folder).WithTokens(new NewToken("b")).Save(target);
        Assert.Equal([0, 2], PretrainedTokenizer.Load(target).Encode("ab").Ids);
        Write("tokenizer.json", Minimal[..^1] + ", \"note\": " + new string('[', 100_000) + new string(']', 100_000) + "}");
        Refused("tokenizer.json", "JSON");
    }

    [Fact]
    public void Messages_are_short_whatever_the_file_says()
    {
        Write("tokenizer.json", $$"""{"version": "{{new string('x', 1_000_000)}}", "model": {"type": "WordLevel", "vocab": {"a": 0} } } """);
        Assert.InRange(Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(Folder)).Message.Length, 1, 2000);
        Write("tokenizer.json", $$"""{"model": {"type": "{{new string('x', 1_000_000)}}", "vocab": {"a": 0} } } """);
        Assert.InRange(Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(Folder)).Message.Length, 1, 2000);
    }

    private void Write(string name, string contents) => File.WriteAllText(Path.Combine(Folder, name), contents);

    private void Refused(string name, string problem)
    {
        CheckpointException refusal = Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(Folder));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(problem, refusal.Message, StringComparison.Ordinal);
    }
}
