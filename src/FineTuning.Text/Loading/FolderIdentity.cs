using System.Text;

namespace FineTuning.Text;

/// <summary>Which folder a name leads to, and which files are in it: two readings that were equal saw the same files.</summary>
internal static class FolderIdentity
{
    private const int MostEntries = 10_000;

    /// <summary>
    /// The folder, its files and those of its own folders, one below the other, with number, size and times. Where there is no such folder, the one in which it
    /// would be: it changes when the folder comes and goes.
    /// </summary>
    public static string Of(string folder)
    {
        var text = new StringBuilder();
        try
        {
            Add(text, folder, withTimes: false);
            if (text.Length == 0 && Path.GetDirectoryName(Path.GetFullPath(Path.TrimEndingDirectorySeparator(folder))) is { } parent)
                Add(text, parent, withTimes: true);
            int count = 0;
            foreach (FileSystemInfo entry in Visible(folder))
            {
                if (++count > MostEntries) break;
                Add(text, entry.FullName, withTimes: entry is FileInfo);
                if (entry is not DirectoryInfo) continue;
                foreach (FileInfo inner in Visible(entry.FullName).OfType<FileInfo>())
                {
                    if (++count > MostEntries) break;
                    Add(text, inner.FullName, withTimes: true);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It went away meanwhile: another identity than any that is whole.
            text.Append(failure.GetType().Name);
        }
        return text.ToString();
    }

    // What begins with a dot is not part of a checkpoint: repositories, saves in preparation.
    private static IEnumerable<FileSystemInfo> Visible(string folder) => !Directory.Exists(folder) ? [] :
        new DirectoryInfo(folder).EnumerateFileSystemInfos().Where(entry => !entry.Name.StartsWith('.')).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    private static void Add(StringBuilder text, string path, bool withTimes)
    {
        if (FileStatus.TryRead(path, follow: true, out FileStatus status, out int error))
        {
            text.Append(path).Append('|').Append(status.Device).Append('|').Append(status.Number).Append('|').Append(status.Created);
            if (withTimes) text.Append('|').Append(status.Size).Append('|').Append(status.Modified).Append('|').Append(status.Changed);
            // A folder that is moved away and back changes, but what is in it does not.
            // Entries that come and go move both times: those are looked at themselves.
            else if (status.Changed != status.Modified) text.Append('|').Append(status.Changed);
            text.Append('\n');
        }
        else if (error == 0 && (Directory.Exists(path) || File.Exists(path)))
        {
            text.Append(path).Append('|').Append(File.GetCreationTimeUtc(path).Ticks);
            if (withTimes) text.Append('|').Append(new FileInfo(path).Length).Append('|').Append(File.GetLastWriteTimeUtc(path).Ticks);
            text.Append('\n');
        }
    }
}
