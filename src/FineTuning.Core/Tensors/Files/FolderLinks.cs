using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>
/// Links in a checkpoint folder. They may lead to other files of it, or into the hub's cache that it is part of; no other target may be
/// copy.
/// </summary>
internal static class FolderLinks
{
    /// <exception cref="CheckpointException">The file is a link that leaves the folder.</exception>
    public static void RequireInside(string folder, string path)
    {
        string root = Real(folder), found = Real(path);
        if (IsIn(found, root)) return;
        // The hub's cache: models--NAME/snapshots/REVISION/file is a link to models--NAME/blobs/HASH.
        string? snapshots = Path.GetDirectoryName(root), model = Path.GetDirectoryName(snapshots);
        if (model is not null && Path.GetFileName(snapshots) == "snapshots" && IsIn(found, Path.Combine(model, "blobs"))) return;
        throw new CheckpointException(path, $"it is a link out of the folder, to '{found}'; put the file itself there if it belongs to the checkpoint");
    }

    private static bool IsIn(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    // The path without links: each part may be one.
    private static string Real(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        try
        {
            if (Path.GetDirectoryName(path) is not { } parent) return path;
            FileSystemInfo entry = Directory.Exists(path) ? new DirectoryInfo(path) : new FileInfo(path);
            if (entry.LinkTarget is null) return Path.Combine(Real(parent), Path.GetFileName(path));
            return Real((entry.ResolveLinkTarget(returnFinalTarget: true) ?? entry).FullName);
        }
        catch (IOException failure)
        {
            throw new CheckpointException(path, $"its links cannot be followed: {failure.Message}", failure);
        }
    }
}
