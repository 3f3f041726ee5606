using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Tensors;

/// <summary>Which files of a folder this library wrote, as a file in it says: only those may be replaced.</summary>
internal static class SavedFiles
{
    /// <summary>The list's own name; other libraries pass it over.</summary>
    public const string Name = "finetuning_files.json";

    private const long LargestList = 1L << 20;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the list of all files in a folder that was made by this library alone.</summary>
    public static void Write(string folder)
    {
        IEnumerable<string> files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')).Where(file => file != Name).Order(StringComparer.Ordinal);
        var list = new JsonObject { ["files"] = new JsonArray([.. files.Select(file => (JsonNode)file)]) };
        File.WriteAllText(Path.Combine(folder, Name), list.ToJsonString(Indented) + "\n");
    }

    /// <summary>The files that the list names, with / between folders, the list itself included; empty where there is no valid list.</summary>
    public static HashSet<string> Read(string folder)
    {
        var files = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            string path = Path.Combine(folder, Name);
            if (!File.Exists(path) || StrictJson.ReadObject(path, LargestList)["files"] is not JsonArray list) return files;
            foreach (JsonNode? entry in list)
            {
                if (entry is JsonValue value && value.TryGetValue(out string? file) && IsInside(file)) files.Add(file);
            }
        }
        catch (CheckpointException)
        {
            return [];
        }
        files.Add(Name);
        return files;
    }

    /// <summary>What a folder holds that its list does not name: files, links, and folders without a listed file, as paths relative to it.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="files">Its list.</param>
    public static IEnumerable<string> Foreign(string folder, HashSet<string> files) => Foreign(folder, "", files);

    /// <summary>Deletes the listed files, and folders that are empty then. What else is there stays.</summary>
    public static void DeleteListed(string folder)
    {
        HashSet<string> files = Read(folder);
        foreach (string file in files.Where(file => file != Name)) Delete(folder, file);
        // Last, so that a deletion that is interrupted can be taken up again.
        Delete(folder, Name);
        RemoveEmptied(folder, files);
        if (!Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
    }

    /// <summary>Removes folders that held listed files and are empty now.</summary>
    public static void RemoveEmptied(string folder, IEnumerable<string> files)
    {
        IEnumerable<string> folders = files.SelectMany(Parents).Distinct(StringComparer.Ordinal).OrderByDescending(inner => inner.Length);
        foreach (string inner in folders.Select(inner => Path.Combine(folder, inner)))
        {
            if (Directory.Exists(inner) && !Directory.EnumerateFileSystemEntries(inner).Any()) Directory.Delete(inner);
        }
    }

    private static IEnumerable<string> Foreign(string folder, string prefix, HashSet<string> files)
    {
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            string name = prefix + entry.Name;
            if (prefix.Length == 0 && SaveMarks.IsOne(entry)) continue;
            if (entry is DirectoryInfo && entry.LinkTarget is null && files.Any(file => file.StartsWith(name + "/", StringComparison.Ordinal)))
            {
                foreach (string inner in Foreign(entry.FullName, name + "/", files)) yield return inner;
            }
            else if (entry is DirectoryInfo || !files.Contains(name))
            {
                yield return name;
            }
        }
    }

    private static void Delete(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        if (Directory.Exists(Path.GetDirectoryName(path))) File.Delete(path);
    }

    private static IEnumerable<string> Parents(string file)
    {
        for (int slash = file.LastIndexOf('/'); slash > 0; slash = file.LastIndexOf('/', slash - 1)) yield return file[..slash];
    }

    private static bool IsInside(string file) =>
        file.Length > 0 && file.AsSpan().IndexOfAny("\\:\0") < 0 && !file.Split('/').Any(part => part is "" or "." or "..");
}
