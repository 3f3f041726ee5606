using FineTuning.Errors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>A tokenizer alone, and a template alone, are those of one folder, whatever exchanges it meanwhile.</summary>
public sealed class WholeTokenizerTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory().FullName;

    private string Target => Path.Combine(_root, "model");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Loads_beside_exchanges_never_mix_two_folders()
    {
        // Each number's files are spread over many, so that a reading takes long enough to be disturbed.
        string[] folders = [.. Enumerable.Range(1, 2).Select(Make)];
        Directory.Move(folders[0], Target);
        using var stop = new CancellationTokenSource();
        using var begun = new AutoResetEvent(false);
        int exchanges = 0;
        Task writer = Task.Run(() =>
        {
            string away = Path.Combine(_root, "away");
            for (string next = folders[1]; !stop.IsCancellationRequested; exchanges++)
            {
                Directory.Move(Target, away);
                Directory.Move(next, Target);
                Directory.Move(away, next = Path.Combine(_root, $"next{exchanges % 2}"));
                // One exchange while something is read: what is exchanged without a pause never rests.
                WaitHandle.WaitAny([begun, stop.Token.WaitHandle]);
            }
        }, TestContext.Current.CancellationToken);
        var seen = new HashSet<int>();
        int loads = 0;
        for (; (loads < 100 || exchanges < 20 || seen.Count < 2) && !writer.IsCompleted; loads++)
        {
            begun.Set();
            // Between two moves there is no folder of that name.
            if (!Directory.Exists(Target)) continue;
            try
            {
                PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(Target);
                int number = tokenizer.TokenId("x1") is not null ? 1 : 2;
                Assert.Equal($"{number}", tokenizer.ChatTemplate.Render([new("user", "hello")]).Text);
                Assert.Equal(9, tokenizer.TokenId($"<{number}>"));
                seen.Add(number);
            }
            catch (CheckpointException refusal) when (refusal.Message.Contains("no such folder", StringComparison.Ordinal))
            {
                // Gone for good, as far as anyone can tell.
            }
        }
        await stop.CancelAsync();
        await writer;
        Assert.Equal([1, 2], seen.Order());
    }

    [Fact]
    public void A_save_that_was_interrupted_in_the_middle_is_told()
    {
        Directory.Move(Make(1), Target);
        string saving = Directory.CreateDirectory(Path.Combine(Target, ".finetuning-save-" + new string('0', 32))).FullName;
        File.WriteAllText(Path.Combine(saving, "save.marker"), "");
        Assert.NotNull(PretrainedTokenizer.Load(Target));
        File.WriteAllText(Path.Combine(saving, "committed"), "");
        Assert.Contains("interrupted", Assert.Throws<CheckpointException>(() => PretrainedTokenizer.Load(Target)).Message, StringComparison.Ordinal);
    }

    private string Make(int number)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, $"made{number}")).FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), $$$"""
            {"added_tokens": [{"id": 9, "content": "<{{{number}}}>", "special": true}], "model": {"type": "WordLevel", "vocab": {"a": 0, "x{{{number}}}": 1, "<{{{number}}}>": 9}, "unk_token": "a"}}
            """);
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), $"{number}");
        foreach (int i in Enumerable.Range(0, 40))
        {
            Directory.CreateDirectory(Path.Combine(folder, "additional_chat_templates"));
            File.WriteAllText(Path.Combine(folder, "additional_chat_templates", $"t{i}.jinja"), $"{number}");
        }
        return folder;
    }
}
