using System.Text.Json;
using System.Text.Json.Nodes;

namespace FineTuning.Text;

/// <summary>Which pipeline a vocabulary is for.</summary>
public enum VocabularyKind
{
    /// <summary>BERT's: words cut at spaces and punctuation, continued with ##.</summary>
    WordPiece,

    /// <summary>RoBERTa's: bytes as characters, merged in pairs.</summary>
    ByteLevel,
}

/// <summary>A vocabulary that was trained here.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class TrainedVocabulary
{
    private static readonly JsonSerializerOptions Indented = new()
        { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly IReadOnlyList<(string Left, string Right)> _merges;
    private readonly VocabularyOptions _options;

    internal TrainedVocabulary(VocabularyKind kind, IReadOnlyList<string> entries, IReadOnlyList<(string, string)> merges, VocabularyOptions options) =>
        (Kind, Entries, _merges, _options) = (kind, entries, merges, options);

    /// <summary>Which pipeline it is for.</summary>
    public VocabularyKind Kind { get; }

    /// <summary>The entries; an entry's position is its id.</summary>
    public IReadOnlyList<string> Entries { get; }

    /// <summary>
    /// Writes the files that Hugging Face's libraries and this one open: tokenizer.json, tokenizer_config.json, and vocab.txt, or vocab.json with merges.txt.
    /// </summary>
    /// <param name="folder">Created if it does not exist; files of those names are replaced.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Directory.CreateDirectory(folder);
        bool pieces = Kind == VocabularyKind.WordPiece;
        Write(folder, "tokenizer.json", pieces ? TrainedFiles.WordPiece(Entries, _options) : TrainedFiles.ByteLevel(Entries, _merges));
        Write(folder, "tokenizer_config.json", pieces ? TrainedFiles.BertConfig(_options) : TrainedFiles.RobertaConfig(_options));
        if (pieces)
        {
            File.WriteAllText(Path.Combine(folder, "vocab.txt"), string.Join('\n', Entries) + "\n");
            return;
        }
        var ids = new JsonObject();
        for (int id = 0; id < Entries.Count; id++) ids[Entries[id]] = id;
        Write(folder, "vocab.json", ids);
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n" + string.Concat(_merges.Select(merge => $"{merge.Left} {merge.Right}\n")));
    }

    private static void Write(string folder, string name, JsonObject content) =>
        File.WriteAllText(Path.Combine(folder, name), content.ToJsonString(Indented) + "\n");
}
