using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// Where the files of a folder may lie once all links are followed: in the folder, or in the store of the hub's cache, where <c>snapshots/REVISION</c> holds
/// links into <c>blobs</c> beside it. A downloaded folder must not make the reader copy what lies elsewhere on the disk.
/// </summary>
internal sealed class FolderBounds
{
    private const int MostLinks = 40;

    private readonly string[] _roots;

    /// <param name="folder">An existing folder.</param>
    public FolderBounds(string folder)
    {
        string real = Real(folder, folder);
        string? parent = Path.GetDirectoryName(real);
        _roots = Path.GetFileName(parent) == "snapshots" ? [real, Path.Combine(Path.GetDirectoryName(parent)!, "blobs")] : [real];
    }

    /// <summary>The file's own path, all links followed.</summary>
    /// <exception cref="CheckpointException">It lies outside, or its links lead nowhere.</exception>
    public string Inside(string path)
    {
        string real = Real(path, path);
        if (!Array.Exists(_roots, root => real.StartsWith(Path.TrimEndingDirectorySeparator(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
        {
            throw new CheckpointException(path, "it is a link that leaves the folder; put the file itself there");
        }
        if (!File.Exists(real)) throw new CheckpointException(path, "it is a link that leads to no file");
        return real;
    }

    // Every part of a path may be a link, and a link may lead to a path with links.
    private static string Real(string path, string named)
    {
        string full = Path.GetFullPath(path), root = Path.GetPathRoot(full)!;
        var rest = new Stack<string>(Parts(full[root.Length..]));
        string real = root;
        for (int links = 0; rest.TryPop(out string? part);)
        {
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }
            string next = Path.Combine(real, part);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                real = next;
                continue;
            }
            if (++links > MostLinks) throw new CheckpointException(named, "its links lead in a circle");
            if (Path.IsPathRooted(target)) real = Path.GetPathRoot(target)!;
            foreach (string further in Parts(target[(Path.GetPathRoot(target) ?? "").Length..])) rest.Push(further);
        }
        return real;
    }

    // The last part first, as a stack takes them.
    private static IEnumerable<string> Parts(string path) =>
        path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").Reverse();
}
