namespace FineTuning.Text;

/// <summary>How a folder is told in which a save is prepared: by its name, and by a marker in it that is locked as long as the process lives.</summary>
internal static class SaveMarks
{
    /// <summary>How its name begins; 32 hexadecimal digits follow.</summary>
    public const string Prefix = ".finetuning-save-";

    /// <summary>The marker.</summary>
    public const string Marker = "save.marker";

    /// <summary>A file that says that a save inside its target is complete and only has to be moved.</summary>
    public const string Committed = "committed";

    /// <summary>Whether an entry of a folder has the name of one of these, and is no link.</summary>
    public static bool IsNamedSo(FileSystemInfo entry) => entry is DirectoryInfo && entry.LinkTarget is null
        && entry.Name.Length == Prefix.Length + 32 && entry.Name.StartsWith(Prefix, StringComparison.Ordinal)
        && entry.Name[Prefix.Length..].All(char.IsAsciiHexDigit);

    /// <summary>Whether an entry of a folder is one of these, by its name and its marker.</summary>
    public static bool IsOne(FileSystemInfo entry) => IsNamedSo(entry) && File.Exists(Path.Combine(entry.FullName, Marker));

    /// <summary>Whether a save is, or was, in progress in a folder.</summary>
    public static bool AnyIn(string parent) =>
        Directory.Exists(parent) && new DirectoryInfo(parent).EnumerateDirectories(Prefix + "*").Any(IsOne);

    /// <summary>Whether a save inside this folder was complete and is being moved, or was when its process ended.</summary>
    public static bool IsCommittedIn(string target) => Directory.Exists(target)
        && new DirectoryInfo(target).EnumerateDirectories(Prefix + "*").Any(entry => IsOne(entry) && File.Exists(Path.Combine(entry.FullName, Committed)));
}
