using FineTuning.Text;

namespace FineTuning.Tensors;

/// <summary>
/// Writes a folder so that it is either whole or as it was before: it is prepared beside the target, synced, and exchanged with it in one step. A target
/// that is mounted, or stands in a folder that cannot be written, is filled from a folder inside it, file by file: readers see that, and wait.
/// </summary>
internal static class AtomicFolder
{
    private const int Busy = 16, OtherDevice = 18;
    private const int NamesShown = 5;

    /// <param name="folder">Absent, empty, or a folder that this library saved.</param>
    /// <param name="write">Writes into an empty folder.</param>
    /// <exception cref="IOException">The folder holds what this library did not write, or cannot be written; it is as it was.</exception>
    public static void Write(string folder, Action<string> write)
    {
        try
        {
            string target = Resolved(folder);
            string parent = Path.GetDirectoryName(target) ?? throw new IOException($"{folder}: a model cannot be saved as the root of a file system");
            if (File.Exists(target)) throw new IOException($"{folder} is a file; a folder was expected");
            if (Directory.Exists(target) && !CanPrepareBeside(target, parent)) WriteInside(folder, target, write);
            else WriteBeside(folder, target, parent, write);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new IOException($"{folder} cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>Moves a complete save out of its folder into the target around it. May be interrupted, and taken up again.</summary>
    internal static void MoveInto(SavingFolder saving)
    {
        HashSet<string> before = SavedFiles.Read(saving.Target), fresh = SavedFiles.Read(saving.Model);
        // The list goes last: until then, it is known that the move is not over.
        foreach (string file in fresh.OrderBy(file => file == SavedFiles.Name))
        {
            string from = Path.Combine(saving.Model, file), to = Path.Combine(saving.Target, file);
            if (!File.Exists(from)) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            if (file == SavedFiles.Name) DeleteDropped(saving.Target, before, fresh);
            File.Move(from, to, overwrite: true);
        }
        SyncFolders(saving.Target, fresh);
        File.Delete(saving.Committed);
    }

    private static void WriteBeside(string folder, string target, string parent, Action<string> write)
    {
        Directory.CreateDirectory(parent);
        SavingFolder.Sweep(parent);
        if (Directory.Exists(target)) SavingFolder.Sweep(target);
        RequireOwn(folder, target);
        using SavingFolder saving = SavingFolder.Create(parent, Path.GetFileName(target));
        Fill(saving, target, write);
        // Once more: preparing may have taken minutes.
        RequireOwn(folder, target);
        File.WriteAllBytes(saving.Exchanging, []);
        Posix.SyncFolder(saving.Root);
        Exchange(saving, target);
        Posix.SyncFolder(parent);
    }

    /// <summary>Fills a folder that cannot be exchanged for another, because it is mounted or its parent cannot be written.</summary>
    internal static void WriteInside(string folder, string target, Action<string> write)
    {
        SavingFolder.Sweep(target);
        RequireOwn(folder, target);
        using SavingFolder saving = SavingFolder.Create(target, ".");
        Fill(saving, target, write);
        RequireOwn(folder, target);
        File.WriteAllBytes(saving.Committed, []);
        Posix.SyncFolder(saving.Root);
        MoveInto(saving);
    }

    private static void Fill(SavingFolder saving, string target, Action<string> write)
    {
        Directory.CreateDirectory(saving.Model);
        // A folder that was made private stays so.
        if (!OperatingSystem.IsWindows() && Directory.Exists(target)) File.SetUnixFileMode(saving.Model, File.GetUnixFileMode(target));
        write(saving.Model);
        SavedFiles.Write(saving.Model);
        foreach (string file in Directory.EnumerateFiles(saving.Model, "*", SearchOption.AllDirectories))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            RandomAccess.FlushToDisk(stream.SafeFileHandle);
        }
        foreach (string inner in Directory.EnumerateDirectories(saving.Model, "*", SearchOption.AllDirectories)) Posix.SyncFolder(inner);
        Posix.SyncFolder(saving.Model);
    }

    private static void Exchange(SavingFolder saving, string target)
    {
        if (!Directory.Exists(target))
        {
            Directory.Move(saving.Model, target);
            return;
        }
        if (Posix.TryExchange(saving.Model, target, out int error)) return;
        if (error is Busy or OtherDevice) throw new IOException($"{target} is in use as a mounted folder; save into a folder inside it");
        // Where two names cannot be exchanged: a process that finds the target missing finds what was there in the saving folder.
        Directory.Move(target, saving.Previous);
        try
        {
            Directory.Move(saving.Model, target);
        }
        catch
        {
            Directory.Move(saving.Previous, target);
            throw;
        }
    }

    private static void RequireOwn(string folder, string target)
    {
        if (!Directory.Exists(target)) return;
        string[] foreign = [.. SavedFiles.Foreign(target, SavedFiles.Read(target)).Take(NamesShown + 1)];
        if (foreign.Length == 0) return;
        string more = foreign.Length > NamesShown ? " and more" : "";
        throw new IOException(
            $"{folder} exists and holds what this library did not save ({string.Join(", ", foreign.Take(NamesShown))}{more}), which saving would delete; "
            + "choose another folder, or empty it");
    }

    // A folder is put instead of another by changing its parent.
    private static bool CanPrepareBeside(string target, string parent)
    {
        if (FileStatus.TryRead(target, follow: true, out FileStatus own, out _) && FileStatus.TryRead(parent, follow: true, out FileStatus above, out _)
            && (own.Device != above.Device || own.Mount != above.Mount))
        {
            return false;
        }
        try
        {
            SavingFolder.Create(parent, Path.GetFileName(target)).Dispose();
            return true;
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }

    private static string Resolved(string folder)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        // The link stays, and leads to what is saved.
        if (new DirectoryInfo(path).LinkTarget is null) return path;
        FileSystemInfo? end = Directory.ResolveLinkTarget(path, returnFinalTarget: true);
        return end is { Exists: true } ? Path.TrimEndingDirectorySeparator(end.FullName)
            : throw new IOException($"{folder} is a link to '{end?.FullName}', where no folder is");
    }

    private static void DeleteDropped(string target, HashSet<string> before, HashSet<string> fresh)
    {
        string[] dropped = [.. before.Where(file => !fresh.Contains(file))];
        foreach (string file in dropped.Select(file => Path.Combine(target, file)).Where(File.Exists)) File.Delete(file);
        SavedFiles.RemoveEmptied(target, dropped);
    }

    private static void SyncFolders(string target, IEnumerable<string> files)
    {
        foreach (string inner in files.Select(file => Path.GetDirectoryName(Path.Combine(target, file))!).Distinct(StringComparer.Ordinal))
            Posix.SyncFolder(inner);
    }
}
