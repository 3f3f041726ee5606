using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>A template of a tokenizer folder.</summary>
/// <param name="Text">It.</param>
/// <param name="Origin">The file it stands in, and its name there where it has one.</param>
internal sealed record FoundTemplate(string Text, string Origin);

/// <summary>The templates of a tokenizer folder: one, or several by name.</summary>
/// <param name="Single">The only one. Null: there are named ones.</param>
/// <param name="Named">Those with a name.</param>
internal sealed record FoundTemplates(FoundTemplate? Single, IReadOnlyDictionary<string, FoundTemplate> Named);

/// <summary>Where a folder keeps its chat templates, read and written as the reference does: files go before tokenizer_config.json.</summary>
internal static class ChatTemplateFiles
{
    public const string Main = "chat_template.jinja";

    private const string Folder = "additional_chat_templates", Extension = ".jinja", Default = "default",
        Config = "tokenizer_config.json", Key = "chat_template";
    private const int MostFiles = 1000;

    private static readonly UTF8Encoding Strict = new(false, true);

    /// <summary>The template files of a folder, by name; those in the folder of further ones with a slash.</summary>
    /// <exception cref="CheckpointException">There are too many, or the folder of further ones cannot be read.</exception>
    public static IEnumerable<string> NamesIn(FolderFiles files)
    {
        var names = new List<string>();
        if (files.Has(Main)) names.Add(Main);
        string additional = files.PathOf(Folder);
        try
        {
            if (Directory.Exists(additional))
            {
                names.AddRange(Directory.EnumerateFiles(additional).Select(path => $"{Folder}/{Path.GetFileName(path)}")
                    .Where(name => name.EndsWith(Extension, StringComparison.Ordinal)).Take(MostFiles + 1));
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(additional, $"it cannot be read: {fault.Message}", fault);
        }
        if (names.Count > MostFiles) throw new CheckpointException(additional, $"it holds more than {MostFiles} templates");
        return names.Order(StringComparer.Ordinal);
    }

    /// <summary>The templates among a folder's files. Null: there are none.</summary>
    /// <exception cref="CheckpointException">They are no text, or tokenizer_config.json holds what is no template.</exception>
    public static FoundTemplates? Find(IReadOnlyDictionary<string, byte[]> files, string folder)
    {
        var named = new Dictionary<string, FoundTemplate>(StringComparer.Ordinal);
        // The main file comes first, so that a default.jinja among the further ones replaces it.
        if (files.TryGetValue(Main, out byte[]? main)) named[Default] = Decoded(main, Path.Combine(folder, Main));
        foreach ((string name, byte[] contents) in files.Where(file => IsAdditional(file.Key)))
            named[NameOf(name)] = Decoded(contents, Path.Combine(folder, name));
        if (named.Count == 1 && named.TryGetValue(Default, out FoundTemplate? only)) return new(only, new Dictionary<string, FoundTemplate>());
        return named.Count > 0 ? new(null, named) : FindIn(ConfigOf(files, folder), Path.Combine(folder, Config));
    }

    /// <summary>The files as they are saved: templates in files of their own, none in tokenizer_config.json.</summary>
    /// <exception cref="CheckpointException">A template's name would leave the folder.</exception>
    public static IReadOnlyDictionary<string, byte[]> Saved(IReadOnlyDictionary<string, byte[]> files, string folder) =>
        Readable(files, folder) is { } found ? With(files, folder, found) : files;

    /// <summary>The files with one template in place of those they have.</summary>
    public static IReadOnlyDictionary<string, byte[]> Replaced(IReadOnlyDictionary<string, byte[]> files, string folder, string template) =>
        With(files, folder, new(new(template, ""), new Dictionary<string, FoundTemplate>()));

    private static Dictionary<string, byte[]> With(IReadOnlyDictionary<string, byte[]> files, string folder, FoundTemplates found)
    {
        var saved = files.Where(file => file.Key != Main && !IsAdditional(file.Key)).ToDictionary(file => file.Key, file => file.Value);
        if (found.Single is not null) saved[Main] = Encoding.UTF8.GetBytes(found.Single.Text);
        foreach ((string name, (string text, _)) in found.Named)
        {
            if (name != Default && !IsFileName(name))
                throw new CheckpointException(Path.Combine(folder, Config), $"the chat template '{name}' cannot be saved: its name is no file's name");
            saved[name == Default ? Main : $"{Folder}/{name}{Extension}"] = Encoding.UTF8.GetBytes(text);
        }
        if (files.ContainsKey(Config) && ConfigOf(files, folder) is { } config && config.Remove(Key)) saved[Config] = JsonFile.Bytes(config);
        return saved;
    }

    // What cannot be read as templates is saved as it came.
    private static FoundTemplates? Readable(IReadOnlyDictionary<string, byte[]> files, string folder)
    {
        try
        {
            return Find(files, folder);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static FoundTemplates? FindIn(JsonObject config, string path)
    {
        config.TryGetPropertyValue(Key, out JsonNode? node);
        switch (node)
        {
            case null: return null;
            case JsonValue value when value.TryGetValue(out string? text): return new(new(text, path), new Dictionary<string, FoundTemplate>());
            case JsonObject entries:
                return new(null, entries.ToDictionary(entry => entry.Key,
                    entry => Named(entry.Key, TextOf(entry.Value, $"'{Key}' has '{entry.Key}', which is no text", path), path)));
            case JsonArray items:
                var named = new Dictionary<string, FoundTemplate>(StringComparer.Ordinal);
                foreach (JsonNode? item in items)
                {
                    const string problem = $"'{Key}' is a list with an entry that is no object with 'name' and 'template'";
                    if (item is not JsonObject entry) throw new CheckpointException(path, problem);
                    string name = TextOf(entry["name"], problem, path);
                    named[name] = Named(name, TextOf(entry["template"], problem, path), path);
                }
                return new(null, named);
            default: throw new CheckpointException(path, $"'{Key}' is a JSON {node.GetValueKind()}; a text, a list or an object of texts was expected");
        }
    }

    private static FoundTemplate Named(string name, string text, string path) => new(text, $"'{name}' of {path}");

    private static string TextOf(JsonNode? node, string problem, string path) =>
        node is JsonValue value && value.TryGetValue(out string? text) ? text : throw new CheckpointException(path, problem);

    private static JsonObject ConfigOf(IReadOnlyDictionary<string, byte[]> files, string folder) =>
        files.TryGetValue(Config, out byte[]? contents) ? JsonFile.Parse(contents, Path.Combine(folder, Config)) : [];

    // As the reference reads text files: line ends of every kind become \n, a byte order mark stays.
    private static FoundTemplate Decoded(byte[] contents, string path)
    {
        try
        {
            return new(Strict.GetString(contents).Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n'), path);
        }
        catch (DecoderFallbackException fault)
        {
            throw new CheckpointException(path, $"it is no UTF-8 text (byte {fault.Index})", fault);
        }
    }

    private static bool IsAdditional(string file) => file.StartsWith(Folder + "/", StringComparison.Ordinal);

    private static string NameOf(string file) => file[(Folder.Length + 1)..^Extension.Length];

    private static bool IsFileName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0 && name.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) < 0;
}
