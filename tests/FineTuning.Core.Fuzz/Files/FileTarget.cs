using System.Text;
using FineTuning.Errors;

namespace FineTuning.Fuzz;

/// <summary>Files of one kind. An input is one file or several, each a line with its name and then its bytes, one character a byte.</summary>
internal abstract class FileTarget(string name) : FuzzTarget
{
    // Made when first needed: targets are listed by programs that never run them.
    private string? _folder;

    public override string Name => name;

    /// <summary>Where the files of an input are while it runs.</summary>
    private protected string Folder => _folder ??= Directory.CreateTempSubdirectory("files").FullName;

    public override IEnumerable<string> Seeds(string goldens) => Seeds().Select(Join);

    public override string Mutate(string input, string other, Random random)
    {
        List<(string Name, byte[] Contents)> files = Split(input), others = Split(other);
        for (int count = 1 + random.Next(2); count > 0 && files.Count > 0; count--)
        {
            int i = random.Next(files.Count);
            if (!Mutable(files[i].Name)) continue;
            byte[] spliced = others.Find(file => file.Name == files[i].Name).Contents ?? files[i].Contents;
            if (files.Count > 1 && random.Next(20) == 0) files.RemoveAt(i);
            else files[i] = (files[i].Name, Mutate(files[i].Name, files[i].Contents, spliced, random));
        }
        return Join(files);
    }

    public override void Run(string input)
    {
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder);
        foreach ((string file, byte[] contents) in Split(input))
        {
            string path = Path.Combine(Folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, contents);
        }
        try
        {
            Read(Folder);
        }
        catch (FineTuningException)
        {
            // Refused, as promised.
        }
    }

    /// <summary>The files to begin with.</summary>
    private protected abstract IEnumerable<List<(string Name, byte[] Contents)>> Seeds();

    /// <summary>Reads the files as a user would.</summary>
    private protected abstract void Read(string folder);

    private protected virtual bool Mutable(string file) => true;

    private protected virtual byte[] Mutate(string file, byte[] contents, byte[] other, Random random) => Path.GetExtension(file) switch
    {
        ".json" when random.Next(4) > 0 => Encoding.UTF8.GetBytes(JsonMutator.Mutate(Encoding.UTF8.GetString(contents), Encoding.UTF8.GetString(other), random, FileWords.All)),
        ".txt" or ".csv" or ".tsv" or ".jsonl" or ".conll" when random.Next(4) > 0 =>
            Encoding.UTF8.GetBytes(TextMutator.Mutate(Encoding.UTF8.GetString(contents), Encoding.UTF8.GetString(other), random, FileWords.All)),
        ".safetensors" when random.Next(2) > 0 => SafetensorsMutator.Mutate(contents, other, random),
        ".bin" when random.Next(3) > 0 && TorchFile.Unzip(contents) is { } archive =>
            TorchFile.Zip(ByteMutator.Mutate(archive.Pickle, TorchFile.Unzip(other)?.Pickle ?? [], random), archive.Storages),
        _ => ByteMutator.Mutate(contents, other, random),
    };

    private protected static List<(string Name, byte[] Contents)> FilesOf(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => (Path.GetRelativePath(folder, file), File.ReadAllBytes(file)))];

    private static string Join(IEnumerable<(string Name, byte[] Contents)> files) =>
        string.Join(Separator, files.Select(file => $"{file.Name}\n{Encoding.Latin1.GetString(file.Contents)}"));

    private static List<(string Name, byte[] Contents)> Split(string input)
    {
        var files = new List<(string, byte[])>();
        foreach (string part in input.Split(Separator))
        {
            int end = part.IndexOf('\n', StringComparison.Ordinal);
            if (end > 0) files.Add((part[..end], Encoding.Latin1.GetBytes(part[(end + 1)..])));
        }
        return files;
    }
}
