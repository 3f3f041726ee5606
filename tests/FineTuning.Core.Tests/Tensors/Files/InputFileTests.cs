using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>What may stand where a file of a checkpoint is expected.</summary>
public sealed class InputFileTests : IDisposable
{
    private static readonly string[] Files = ["config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"];

    private readonly string _folder = TinyCheckpoint.Make();

    public static TheoryData<string, string> Links() => [.. Files.SelectMany(_ => new[] { "loop", "nothing", "/dev/zero", "pipe" }, (file, kind) => (file, kind))];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Links))]
    public async Task Pipes_devices_and_links_to_nowhere_are_refused_at_once(string file, string kind)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux");
        string path = Only(file);
        if (kind == "pipe") Assert.SkipUnless(MakePipe(path), "mkfifo is missing");
        else File.CreateSymbolicLink(path, kind == "loop" ? path : kind);
        CheckpointException refusal = await Task.Run(() => Assert.Throws<CheckpointException>(Load), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull")]
    [InlineData("\n<!DOCTYPE html><html>Sign in</html>", "web page")]
    [InlineData("<HTML>", "web page")]
    [InlineData("<?xml version='1.0'?><Error>", "XML")]
    [InlineData("", "empty")]
    public void A_pointer_or_a_page_is_named_whichever_file_it_stands_for(string contents, string named)
    {
        foreach (string file in Files)
        {
            File.WriteAllText(Only(file), contents);
            Assert.Contains(named, Assert.Throws<CheckpointException>(Load).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"model_type":"bert","model_type":"roberta"}""")]
    [InlineData("""{"model_type":"bert","id2label":{"0":"a","0":"b"}}""")]
    [InlineData("""{"model_type":"bert","id2label":{"0":"\ud800"}}""")]
    [InlineData("""{"model_type":"bert","\udc00":1}""")]
    [InlineData("""{"model_type":"bert",}""")]
    public void Duplicate_keys_and_halves_of_characters_are_refused(string json)
    {
        Assert.Throws<CheckpointException>(() => StrictJson.Object("x.json", System.Text.Encoding.UTF8.GetBytes(json)));
        foreach (string file in new[] { "config.json", "model.safetensors.index.json" })
        {
            File.WriteAllText(Only(file), json);
            Assert.Throws<CheckpointException>(Load);
        }
        Assert.Throws<CheckpointException>(() => OutputHead.Create("{\"model_type\":\"\ud800\"}", HeadKind.None));
    }

    [Fact]
    public void Text_that_is_not_utf8_and_endless_lists_are_refused()
    {
        string path = Only("config.json");
        File.WriteAllText(path, File.ReadAllText(Path.Combine(TinyCheckpoint.Make(), "config.json")), System.Text.Encoding.Unicode);
        Assert.Contains("UTF-8", Assert.Throws<CheckpointException>(Load).Message, StringComparison.Ordinal);
        File.WriteAllText(path, $$"""{"model_type":"bert","x":[{{string.Join(',', Enumerable.Repeat("0", 2_000_000))}}]}""");
        Assert.Contains("values", Assert.Throws<CheckpointException>(Load).Message, StringComparison.Ordinal);
        File.WriteAllText(path, new string(' ', (16 << 20) + 1));
        Assert.Contains("16 MiB", Assert.Throws<CheckpointException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_are_short_however_long_a_name_is()
    {
        string name = new('x', 5_000_000);
        foreach (string json in new[] { $$"""{"model_type":"{{name}}"}""", $$"""{"model_type":"bert","position_embedding_type":"{{name}}"}""", $$"""{"model_type":"bert","{{name}}":1,"{{name}}":1}""" })
        {
            File.WriteAllText(Only("config.json"), json);
            Assert.True(Assert.Throws<CheckpointException>(Load).Message.Length < 20_000);
        }
        File.WriteAllText(Only("model.safetensors.index.json"), $$$"""{"weight_map":{"{{{name}}}":"{{{name}}}"}}""");
        Assert.True(Assert.Throws<CheckpointException>(Load).Message.Length < 20_000);
    }

    [Fact]
    public void A_file_that_was_shortened_after_it_was_opened_is_named()
    {
        string path = Path.Combine(_folder, "model.safetensors");
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (FileStream other = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) other.SetLength(other.Length / 2);
        string last = file.Tensors.Keys.Order(StringComparer.Ordinal).Last();
        Assert.Contains("shortened", Assert.Throws<CheckpointException>(() => file.Read(last)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_disposing_it_says_so()
    {
        SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_folder, "model.safetensors"));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read(file.Tensors.Keys.First()));
    }

    [Fact]
    public void A_length_that_spells_another_formats_mark_is_no_such_format()
    {
        // 0x8B1F bytes of header: gzip's mark.
        string path = Path.Combine(_folder, "padded.safetensors");
        byte[] header = System.Text.Encoding.UTF8.GetBytes("{}".PadRight(0x8B1F));
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Empty(file.Tensors);
    }

    [Theory]
    [InlineData("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 4)]
    [InlineData("[0,4611686018427387904,4611686018427387904]", 0)]
    public void Shapes_that_torch_cannot_have_are_refused(string shape, int bytes)
    {
        string path = Path.Combine(_folder, "shape.safetensors");
        byte[] header = System.Text.Encoding.UTF8.GetBytes($$$"""{"a":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,{{{bytes}}}]}}""");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[bytes]]);
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
    }

    // The folder with nothing but the configuration and, in the place of a file, nothing yet.
    private string Only(string file)
    {
        foreach (string weights in Files.Skip(1).Select(name => Path.Combine(_folder, name))) File.Delete(weights);
        string path = Path.Combine(_folder, file), config = Path.Combine(_folder, "config.json");
        File.Delete(config);
        if (file != "config.json") File.WriteAllText(config, """{"model_type":"bert","vocab_size":12,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":8}""");
        return path;
    }

    private void Load() => OutputHead.Load(_folder, HeadKind.None).Dispose();

    private static bool MakePipe(string path)
    {
        try
        {
            using var process = System.Diagnostics.Process.Start("mkfifo", [path]);
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
