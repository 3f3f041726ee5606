using FineTuning.Errors;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>What goes along when a checkpoint is copied: what belongs to it, and nothing that a link brings in from elsewhere.</summary>
public sealed class FolderCopyTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("copy").FullName;

    private string Model => Path.Combine(_root, "models--x", "snapshots", "1");

    private string Target => Path.Combine(_root, "target");

    public FolderCopyTests()
    {
        Directory.CreateDirectory(Path.Combine(Model, "1_Pooling"));
        Directory.CreateDirectory(Path.Combine(_root, "models--x", "blobs"));
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Model, "modules.json"), """[{"path":"","type":"a"},{"path":"1_Pooling","type":"b"}]""");
        File.WriteAllText(Path.Combine(Model, "1_Pooling", "config.json"), "{}");
        foreach (string name in new[] { "README.md", "config.json", "model.safetensors", "optimizer.pt", "id_rsa", "secrets.json", "1_Pooling/notes.txt" }) File.WriteAllText(Path.Combine(Model, name), name);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Only_what_belongs_to_a_checkpoint_goes_along()
    {
        FolderCopy.WithoutWeights(Model, Target);
        Assert.Equal(["1_Pooling/config.json", "README.md", "modules.json"],
            Directory.GetFiles(Target, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Target, file).Replace('\\', '/')).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("1_Pooling/config.json")]
    [InlineData("1_Pooling")]
    public void A_link_out_of_the_folder_is_refused_and_one_into_the_hubs_cache_is_not(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        bool folder = name == "1_Pooling";
        foreach ((string home, bool allowed) in new[] { (Path.Combine(_root, "elsewhere"), false), (Path.Combine(_root, "models--x", "blobs", "abc"), true) })
        {
            string path = Path.Combine(Model, name);
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
            File.Delete(path);
            if (folder)
            {
                File.WriteAllText(Path.Combine(Directory.CreateDirectory(home).FullName, "config.json"), "private");
                Directory.CreateSymbolicLink(path, home);
            }
            else
            {
                File.WriteAllText(home, "private");
                File.CreateSymbolicLink(path, home);
            }
            if (allowed) FolderCopy.WithoutWeights(Model, Target);
            else Assert.Contains("out of the folder", Assert.Throws<CheckpointException>(() => FolderCopy.WithoutWeights(Model, Target)).Message, StringComparison.Ordinal);
            Directory.Delete(Target, recursive: true);
            Directory.CreateDirectory(Target);
        }
    }
}
