namespace FineTuning.Training;

/// <summary>The few operations by which checkpoints are written, so that tests can let each of them fail.</summary>
/// <remarks>All throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> where they cannot.</remarks>
internal interface ICheckpointDisk
{
    /// <summary>Bytes that the user may still write where the folder is; null: the system does not say.</summary>
    long? FreeSpace(string folder);

    /// <summary>Makes a folder whose parent exists.</summary>
    void CreateFolder(string folder);

    /// <summary>Makes a new file.</summary>
    Stream CreateFile(string path);

    /// <summary>Makes the contents of a file survive a loss of power.</summary>
    void Sync(Stream file);

    /// <summary>Makes the names in a folder survive a loss of power.</summary>
    void SyncFolder(string folder);

    /// <summary>Gives a folder another name in the same parent, where no other has it.</summary>
    void Rename(string from, string to);

    void DeleteFile(string path);

    /// <summary>Deletes an empty folder.</summary>
    void DeleteFolder(string folder);
}
