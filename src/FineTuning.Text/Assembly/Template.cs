namespace FineTuning.Text;

/// <summary>A part of a template: a token it puts there, or one of the texts.</summary>
/// <param name="Ids">The tokens; empty for a text.</param>
/// <param name="Sequence">0 or 1 for a text; -1 for tokens.</param>
/// <param name="Type">The type id of what is put there.</param>
internal sealed record TemplatePart(IReadOnlyList<int> Ids, int Sequence, int Type)
{
    /// <summary>The tokens in one stretch of memory.</summary>
    public int[] Tokens { get; } = [.. Ids];
}

/// <summary>A part of a text's tokens.</summary>
/// <param name="Start">Its first token.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Later">Whether it is not the first window.</param>
internal readonly record struct TextWindow(int Start, int Count, bool Later = false);

/// <summary>What stands around a text and around a pair. Immutable.</summary>
internal sealed record Template(IReadOnlyList<TemplatePart> Single, IReadOnlyList<TemplatePart> Pair)
{
    /// <summary>The texts and nothing else; the second has the type 1.</summary>
    public static Template Bare { get; } = new([new([], 0, 0)], [new([], 0, 0), new([], 1, 1)]);

    /// <summary>Whether the types of texts hold for first windows only. In later ones the reference's general template leaves 0 and 1 as they were.</summary>
    public bool TypesFirstWindows { get; init; }

    public int AddedTokens(bool pair)
    {
        int count = 0;
        foreach (TemplatePart part in pair ? Pair : Single) count += part.Ids.Count;
        return count;
    }

    /// <summary>Puts a window of each text into the template.</summary>
    public void Assemble(TokenArrays row, TokenRun first, TextWindow window, TokenRun? second, TextWindow secondWindow, bool addSpecialTokens)
    {
        IReadOnlyList<TemplatePart> parts = second is null ? Single : Pair;
        row.Begin(new(parts, addSpecialTokens, window.Count, secondWindow.Count, TypesFirstWindows && window.Later, TypesFirstWindows && secondWindow.Later));
        for (int i = 0; i < parts.Count; i++)
        {
            TemplatePart part = parts[i];
            if (part.Sequence == 0) row.Add(first, window);
            else if (part.Sequence == 1) row.Add(second!, secondWindow);
            else if (addSpecialTokens) row.Add(part.Tokens);
        }
    }
}
