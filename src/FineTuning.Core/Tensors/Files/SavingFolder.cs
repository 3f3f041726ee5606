using System.Text;
using FineTuning.Text;

namespace FineTuning.Tensors;

/// <summary>
/// The folder in which a save is prepared, beside its target or, where that cannot be, inside it. It holds a marker that is locked as long as the process
/// lives: a process that finds it unlocked knows that a save was killed, and clears it away or finishes it.
/// </summary>
internal sealed class SavingFolder : IDisposable
{
    private const string FirstLine = "FineTuning.Core prepares a save here";
    private const int MostTries = 10;

    private readonly FileStream _marker;

    private SavingFolder(string folder, FileStream marker, string target)
    {
        (Root, _marker, Target) = (folder, marker, target);
        Model = Path.Combine(folder, "model");
        Previous = Path.Combine(folder, "previous");
        Exchanging = Path.Combine(folder, "exchanging");
        Committed = Path.Combine(folder, SaveMarks.Committed);
    }

    /// <summary>The folder itself.</summary>
    public string Root { get; }

    /// <summary>The folder that is saved to.</summary>
    public string Target { get; }

    /// <summary>What is saved; after an exchange, what was there before.</summary>
    public string Model { get; }

    /// <summary>What was there before, where names cannot be exchanged in one step.</summary>
    public string Previous { get; }

    /// <summary>A file that stands from before the exchange on: from then on, <see cref="Model"/> may be what was there before.</summary>
    public string Exchanging { get; }

    /// <summary>A file that says that a save inside its target is complete and only has to be moved.</summary>
    public string Committed { get; }

    /// <summary>Makes one.</summary>
    /// <param name="parent">Where.</param>
    /// <param name="target">The target's name in it; a dot where the parent itself is the target.</param>
    public static SavingFolder Create(string parent, string target)
    {
        for (int attempt = 1; ; attempt++)
        {
            string folder = Path.Combine(parent, $"{SaveMarks.Prefix}{Guid.NewGuid():N}");
            try
            {
                if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
                else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                var marker = new FileStream(Path.Combine(folder, SaveMarks.Marker), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
                marker.Write(Encoding.UTF8.GetBytes($"{FirstLine}\n{target}\n"));
                marker.Flush();
                return new(folder, marker, Path.GetFullPath(Path.Combine(parent, target)));
            }
            catch (IOException) when (attempt < MostTries)
            {
                // Somebody swept the folder, or looked into its marker, before that was locked.
            }
        }
    }

    /// <summary>
    /// Clears away, or finishes, what killed processes have left in a folder. Saves that are in progress are left alone, and so is everything else.
    /// </summary>
    public static void Sweep(string parent)
    {
        foreach (DirectoryInfo entry in new DirectoryInfo(parent).GetDirectories(SaveMarks.Prefix + "*").Where(SaveMarks.IsNamedSo))
        {
            try
            {
                if (!File.Exists(Path.Combine(entry.FullName, SaveMarks.Marker)))
                {
                    // Killed before the marker was written or after it was deleted: it is empty, else it stays.
                    // A process that is about to write one makes another folder.
                    entry.Delete(recursive: false);
                    continue;
                }
                using SavingFolder? abandoned = TryTake(parent, entry.FullName);
                abandoned?.Recover();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // In use, another user's, or not empty.
            }
        }
    }

    /// <summary>Deletes the folder: what this library wrote in it. What others wrote goes back into the target.</summary>
    public void Dispose()
    {
        try
        {
            Clear();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The save itself is done, or has failed for a reason of its own; the next one sweeps.
            _marker.Dispose();
        }
    }

    // Null: the marker is not ours. An exception: its process lives.
    private static SavingFolder? TryTake(string parent, string folder)
    {
        var marker = new FileStream(Path.Combine(folder, SaveMarks.Marker), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        var buffer = new byte[1024];
        int length = marker.Read(buffer);
        // Killed before a word was written: there is nothing else in the folder.
        if (length == 0) return new(folder, marker, parent);
        string[] lines = Encoding.UTF8.GetString(buffer, 0, length).Split('\n');
        if (lines.Length == 3 && lines[0] == FirstLine && lines[1].Length > 0 && Path.GetFileName(lines[1]) == lines[1])
        {
            return new(folder, marker, Path.GetFullPath(Path.Combine(parent, lines[1])));
        }
        marker.Dispose();
        return null;
    }

    private void Recover()
    {
        if (File.Exists(Committed)) AtomicFolder.MoveInto(this);
        else if (Directory.Exists(Previous) && !Directory.Exists(Target)) Directory.Move(Previous, Target);
    }

    private void Clear()
    {
        // Not over: what is here is needed to finish it.
        if (File.Exists(Committed) || (Directory.Exists(Previous) && !Directory.Exists(Target)))
        {
            _marker.Dispose();
            return;
        }
        bool exchanged = File.Exists(Exchanging);
        foreach (string folder in new[] { Model, Previous })
        {
            if (!Directory.Exists(folder)) continue;
            if (!exchanged) Directory.Delete(folder, recursive: true);
            else PutAway(folder);
        }
        File.Delete(Exchanging);
        string marker = _marker.Name;
        _marker.Dispose();
        File.Delete(marker);
        Directory.Delete(Root);
    }

    // What was written into the old folder after it was checked is not ours to delete.
    private void PutAway(string folder)
    {
        SavedFiles.DeleteListed(folder);
        if (!Directory.Exists(folder)) return;
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).GetFileSystemInfos())
        {
            string home = Path.Combine(Target, entry.Name);
            if (entry is DirectoryInfo) Directory.Move(entry.FullName, home);
            else File.Move(entry.FullName, home, overwrite: false);
        }
        Directory.Delete(folder);
    }
}
