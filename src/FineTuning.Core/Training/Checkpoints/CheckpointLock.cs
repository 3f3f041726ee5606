namespace FineTuning.Training;

/// <summary>The right to write into a folder of checkpoints: one run has it, and it ends with its process.</summary>
internal sealed class CheckpointLock : IDisposable
{
    private const string Name = ".finetuning-run.lock";
    private readonly FileStream _file;

    private CheckpointLock(FileStream file) => _file = file;

    /// <exception cref="IOException">The folder cannot be made or written, or another run writes there.</exception>
    public static CheckpointLock Take(CheckpointSettings settings)
    {
        string folder = settings.Folder!;
        try
        {
            Directory.CreateDirectory(folder);
            return new(new FileStream(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: checkpoints cannot be written there, or another run writes there now: {failure.Message}", failure);
        }
    }

    public void Dispose() => _file.Dispose();
}
