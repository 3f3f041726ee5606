using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>The file system of the machine.</summary>
internal sealed class LocalDisk : ICheckpointDisk
{
    public static LocalDisk Instance { get; } = new();

    public long? FreeSpace(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    public void CreateFolder(string folder) => Directory.CreateDirectory(folder);

    // What is written comes in large pieces: a buffer would copy it once more.
    public Stream CreateFile(string path) => new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);

    public void Sync(Stream file) => ((FileStream)file).Flush(flushToDisk: true);

    public void SyncFolder(string folder) => Posix.SyncFolder(folder);

    public void Rename(string from, string to) => Directory.Move(from, to);

    public void DeleteFile(string path) => File.Delete(path);

    public void DeleteFolder(string folder) => Directory.Delete(folder);
}
