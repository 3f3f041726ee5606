using System.Text.Json;
using System.Text.Json.Serialization;

namespace FineTuning.Mutations;

/// <summary>A bug that is planted in the library: a piece of a file and what stands in its place.</summary>
/// <param name="Id">Its name.</param>
/// <param name="About">What goes wrong.</param>
/// <param name="File">The file, from the root of the repository.</param>
/// <param name="Find">The piece: an expression, or a whole statement.</param>
/// <param name="Replace">What the bug has there.</param>
/// <param name="After">What the piece stands behind, where it stands in the file more than once. Null: it stands there once.</param>
/// <param name="Kind">expression or statement.</param>
internal sealed record PlantedBug(string Id, string About, string File, string Find, string Replace, string? After = null, string Kind = "expression")
{
    private static readonly JsonSerializerOptions Form = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>All bugs of the list.</summary>
    public static IReadOnlyList<PlantedBug> All(string path) => JsonSerializer.Deserialize<PlantedBug[]>(Text(path), Form)!;

    /// <summary>Where the piece stands in the file's text.</summary>
    /// <exception cref="InvalidOperationException">It stands there not at all, or more than once.</exception>
    public int IndexIn(string text)
    {
        int start = After is null ? 0 : Once(text, After, 0) + After.Length;
        return After is null ? Once(text, Find, 0) : text.IndexOf(Find, start, StringComparison.Ordinal) is >= 0 and int index ? index : throw Missing(Find);
    }

    /// <summary>The piece with a switch: what was there, or the bug where it is the one that is on.</summary>
    public string Planted() => Kind == "statement"
        ? $"if (global::Planted.Is(\"{Id}\")) {{ {Replace} }} else {{ {Find} }}"
        : $"(global::Planted.Is(\"{Id}\") ? ({Replace}) : ({Find}))";

    private int Once(string text, string piece, int start)
    {
        int index = text.IndexOf(piece, start, StringComparison.Ordinal);
        if (index < 0) throw Missing(piece);
        return text.IndexOf(piece, index + 1, StringComparison.Ordinal) < 0 ? index
            : throw new InvalidOperationException($"{Id}: '{piece}' stands in {File} more than once; say what it stands behind (after)");
    }

    private InvalidOperationException Missing(string piece) => new($"{Id}: '{piece}' does not stand in {File}; the code has changed: plant the bug where it stands now");

    private static string Text(string path) => System.IO.File.ReadAllText(path);
}
