using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Tensors;

/// <summary>Opens what others wrote: regular files only, and never more of them than their kind may have.</summary>
internal static class InputFile
{
    private const int BufferSize = 1 << 16;

    /// <summary>Opens a file for reading, wherever its links lead.</summary>
    /// <exception cref="CheckpointException">There is no such file, it is no regular one (a pipe would be waited for, a device never ends), or it may not
    /// be read.</exception>
    public static FileStream Open(string path)
    {
        RequireRegular(path);
        try
        {
            // Writers are not kept out: on Windows a folder that is read could not be replaced.
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferSize);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CheckpointException(path, $"it cannot be opened: {failure.Message}", failure);
        }
    }

    /// <summary>The contents of a file, at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="CheckpointException">There is no such file, it is no regular one, too large, or may not be read.</exception>
    public static byte[] Bytes(string path, long limit)
    {
        using FileStream stream = Open(path);
        try
        {
            if (stream.Length > limit) throw TooLarge(path, stream.Length, limit);
            using var contents = new MemoryStream((int)stream.Length);
            // Some files are longer than their length says.
            var buffer = new byte[BufferSize];
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                contents.Write(buffer, 0, count);
                if (contents.Length > limit) throw TooLarge(path, contents.Length, limit);
            }
            return contents.ToArray();
        }
        catch (IOException failure)
        {
            throw new CheckpointException(path, $"it cannot be read: {failure.Message}", failure);
        }
    }

    private static void RequireRegular(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            if (Directory.Exists(path)) throw new CheckpointException(path, "it is a folder; a file was expected");
            return;
        }
        if (FileStatus.TryRead(path, follow: true, out FileStatus status, out int error))
        {
            if (status.Kind == FileKind.Folder) throw new CheckpointException(path, "it is a folder; a file was expected");
            if (status.Kind != FileKind.Regular) throw new CheckpointException(path, "it is a pipe, a socket or a device; a regular file was expected");
            return;
        }
        switch (error)
        {
            case Posix.TooManyLinks:
                throw new CheckpointException(path, "it is a link that leads in a circle; a file was expected");
            case Posix.NoEntry or Posix.NotAFolder when FileStatus.TryRead(path, follow: false, out _, out _):
                throw new CheckpointException(path, $"it is a link to '{new FileInfo(path).LinkTarget}', where nothing is; download the file itself");
            case Posix.NoEntry or Posix.NotAFolder:
                throw new CheckpointException(path, "it is missing");
        }
    }

    private static CheckpointException TooLarge(string path, long length, long limit) =>
        new(path, $"it has {length} bytes or more; a file of this kind has at most {limit} ({limit >> 20} MiB)");
}
