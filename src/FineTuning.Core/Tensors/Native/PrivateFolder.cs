using System.Security.Cryptography;
using FineTuning.Text;

namespace FineTuning.Tensors;

/// <summary>A folder that only its user can write, for code that is going to be loaded.</summary>
internal static class PrivateFolder
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int WritableByOthers = 0x12; // group or all

    /// <summary>The path of a file with these contents, written if it is not there yet.</summary>
    /// <remarks>
    /// Written under another name and renamed: processes that start together each find a whole file, whichever wins. What is found is never trusted unread.
    /// </remarks>
    /// <exception cref="IOException">The folder is another user's, others can write it, or the disk is full: nothing is left behind.</exception>
    public static string Write(string folder, string name, string fileName, byte[] bytes, byte[] expected)
    {
        string home = Path.Combine(folder, name);
        string path = Path.Combine(home, fileName);
        Make(folder);
        Make(home);
        if (IsWhole(path, expected)) return path;
        string fresh = $"{path}.{Guid.NewGuid():N}";
        try
        {
            var options = new FileStreamOptions { Mode = System.IO.FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = FileMode;
            using (var stream = new FileStream(fresh, options))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }
            File.Move(fresh, path, overwrite: true);
        }
        finally
        {
            File.Delete(fresh);
        }
        return IsWhole(path, expected) ? path : throw new IOException("the copy was changed while it was written");
    }

    private static void Make(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }
        Directory.CreateDirectory(folder, FolderMode);
        RequireOwn(folder, FileKind.Folder);
    }

    private static bool IsWhole(string path, byte[] expected)
    {
        if (!File.Exists(path) || new FileInfo(path) is not { LinkTarget: null } file || file.Length > int.MaxValue) return false;
        RequireOwn(path, FileKind.Regular);
        using FileStream stream = InputFile.Open(path);
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(stream), expected);
    }

    // A user who can write what is loaded can do all that the process can.
    private static void RequireOwn(string path, FileKind kind)
    {
        if (!FileStatus.TryRead(path, follow: false, out FileStatus status, out _)) return;
        if (status.Kind != kind) throw new IOException($"{path} is a link or of another kind than expected");
        if (status.User != Posix.User) throw new IOException($"{path} belongs to user {status.User}, not to user {Posix.User} of this process");
        if ((status.Permissions & WritableByOthers) != 0) throw new IOException($"{path} can be written by other users");
    }
}
