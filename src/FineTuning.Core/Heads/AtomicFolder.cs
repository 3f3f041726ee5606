namespace FineTuning.Heads;

/// <summary>Writes a folder so that it is either whole or as it was before: a new folder beside it, then a rename.</summary>
internal static class AtomicFolder
{
    public static void Write(string folder, Action<string> write)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string parent = Path.GetDirectoryName(target) ?? throw new IOException($"{folder}: a model cannot be saved as the root of a file system");
        // What is replaced is a model or nothing: a slip of the pen must not cost a folder of photographs.
        if (Directory.Exists(target) && !File.Exists(Path.Combine(target, "config.json")) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new IOException($"{folder} exists and holds something other than a model (there is no config.json); choose another folder or empty it");
        }
        Directory.CreateDirectory(parent);
        string fresh = $"{target}.{Guid.NewGuid():N}.new";
        string old = $"{target}.{Guid.NewGuid():N}.old";
        Directory.CreateDirectory(fresh);
        try
        {
            write(fresh);
            if (Directory.Exists(target)) Directory.Move(target, old);
            try
            {
                Directory.Move(fresh, target);
            }
            catch (IOException) when (Directory.Exists(old))
            {
                Directory.Move(old, target);
                throw;
            }
        }
        finally
        {
            if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
        }
        if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
    }
}
