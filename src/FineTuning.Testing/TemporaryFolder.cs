namespace FineTuning.Testing;

/// <summary>A new folder among the system's temporary ones, which is gone when it is disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("finetuning-").FullName;

    public string Path { get; }

    public string Below(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
