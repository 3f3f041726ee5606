using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// The files of a tokenizer folder. Each is read once, whole, and only where it is a regular file within the bounds of its kind that lies in the folder.
/// What was read is what is saved later: a file that nothing reads is never copied. For one thread.
/// </summary>
/// <param name="folder">The checkpoint folder.</param>
internal sealed class FolderFiles(string folder)
{
    private const long MiB = 1L << 20, LargestOther = 64 * MiB;

    private static readonly Dictionary<string, long> Largest = new(StringComparer.Ordinal)
    {
        ["tokenizer.json"] = 512 * MiB,
        ["vocab.txt"] = 128 * MiB, ["vocab.json"] = 256 * MiB, ["merges.txt"] = 128 * MiB,
        ["spiece.model"] = 256 * MiB, ["sentencepiece.bpe.model"] = 256 * MiB, ["tokenizer.model"] = 256 * MiB, ["spm.model"] = 256 * MiB,
    };

    private readonly Dictionary<string, byte[]> _read = new(StringComparer.Ordinal);

    private FolderBounds? _bounds;

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>The files that were read, by name.</summary>
    public IReadOnlyDictionary<string, byte[]> Read => _read;

    /// <summary>The path of a file, for messages.</summary>
    public string PathOf(string name) => Path.Combine(folder, name);

    /// <summary>Whether there is an entry of this name. A link counts, wherever it leads: what is wrong with it is said when it is read.</summary>
    public bool Has(string name)
    {
        var file = new FileInfo(PathOf(name));
        return file.Exists || file.LinkTarget is not null;
    }

    /// <summary>The contents of a file.</summary>
    /// <exception cref="CheckpointException">It is missing, too large, no regular file, cannot be read, or a link that leaves the folder.</exception>
    public byte[] Contents(string name) => TryContents(name) ?? throw new CheckpointException(PathOf(name), "there is no such file");

    /// <summary>The contents of a file. Null: there is none.</summary>
    /// <exception cref="CheckpointException">It is too large, no regular file, cannot be read, or a link that leaves the folder.</exception>
    public byte[]? TryContents(string name)
    {
        if (_read.TryGetValue(name, out byte[]? known)) return known;
        if (!Has(name)) return null;
        string path = PathOf(name);
        try
        {
            string real = (_bounds ??= new FolderBounds(folder)).Inside(path);
            return _read[name] = Whole(path, real, Largest.GetValueOrDefault(name, LargestOther));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or System.Security.SecurityException)
        {
            throw new CheckpointException(path, $"it cannot be read: {fault.Message}", fault);
        }
    }

    /// <summary>The object in a JSON file. Null: there is no such file.</summary>
    /// <exception cref="CheckpointException">As <see cref="TryContents"/>; or it is no JSON object.</exception>
    public JsonObject? TryJson(string name) => TryContents(name) is { } contents ? JsonFile.Parse(contents, PathOf(name)) : null;

    /// <summary>The lines of a text file.</summary>
    /// <exception cref="CheckpointException">As <see cref="Contents"/>.</exception>
    public IEnumerable<string> Lines(string name)
    {
        using var reader = new StreamReader(new MemoryStream(Contents(name)));
        while (reader.ReadLine() is { } line) yield return line;
    }

    // A pipe and a device are not opened: a pipe without a writer would wait forever, and a device would never end.
    private static byte[] Whole(string path, string real, long largest)
    {
        if (FileStatus.TryRead(real, follow: true, out FileStatus status, out _) && status.Kind != FileKind.Regular)
            throw new CheckpointException(path, "it is no regular file (a folder, a pipe, a socket or a device): put a file in its place");
        long length = new FileInfo(real).Length;
        if (length > largest) throw new CheckpointException(path, $"it has {length:N0} bytes; a file of this kind has at most {largest:N0}");
        if (length == 0) return [];
        using FileStream stream = File.OpenRead(real);
        var contents = new byte[length];
        stream.ReadExactly(contents);
        if (contents.AsSpan().StartsWith("version https://git-lfs"u8))
            throw new CheckpointException(path, "it is a pointer of Git LFS, not the file; run 'git lfs pull'");
        return contents;
    }
}
