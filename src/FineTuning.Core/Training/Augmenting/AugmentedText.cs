using System.Text;
using FineTuning.Examples;
using FineTuning.Heads;

namespace FineTuning.Training;

/// <summary>A word of a text that is changed.</summary>
/// <param name="Before">What stands between it and the word before.</param>
/// <param name="Text">The word.</param>
/// <param name="Group">The number of the entity that it belongs to; such words stay as they are. -1: none.</param>
internal readonly record struct AugmentedWord(string Before, string Text, int Group)
{
    /// <summary>Whether it may be moved, changed and left out: it belongs to no entity, and is more than punctuation.</summary>
    public bool IsFree => Group < 0 && Text.Any(char.IsLetterOrDigit);
}

/// <summary>A text as words, some of which stand in entities: what augmentations change. Without a change it gives back what it was made of.</summary>
/// <param name="words">In their order.</param>
/// <param name="types">The type of each entity; null where it is only to stay as it is.</param>
/// <param name="tail">What stands behind the last word.</param>
internal sealed class AugmentedText(List<AugmentedWord> words, IReadOnlyList<string?> types, string tail = "")
{
    /// <summary>The words.</summary>
    public List<AugmentedWord> Words { get; private set; } = words;

    /// <summary>The type of each entity; null where it is only to stay as it is.</summary>
    public IReadOnlyList<string?> Types => types;

    /// <summary>Indices of the words that may be changed.</summary>
    public int[] Free => [.. Enumerable.Range(0, Words.Count).Where(i => Words[i].IsFree)];

    /// <summary>Indices of an entity's words.</summary>
    public int[] Of(int group) => [.. Enumerable.Range(0, Words.Count).Where(i => Words[i].Group == group)];

    /// <summary>A plain text.</summary>
    public static AugmentedText Of(string text) => Of(text, WordBoundaries.Of(text), _ => -1, []);

    /// <summary>A text in words, of which some stand in entities.</summary>
    /// <param name="text">The text.</param>
    /// <param name="spans">Its words.</param>
    /// <param name="group">The entity of a word, by its characters; -1: none.</param>
    /// <param name="types">The entities' types.</param>
    public static AugmentedText Of(string text, List<WordSpan> spans, Func<WordSpan, int> group, IReadOnlyList<string?> types)
    {
        var words = new List<AugmentedWord>(spans.Count);
        int end = 0;
        foreach (WordSpan span in spans)
        {
            words.Add(new(text[end..span.Start], text[span.Start..span.End], group(span)));
            end = span.End;
        }
        return new(words, types, text[end..]);
    }

    /// <summary>Puts a word in another's place.</summary>
    public void Replace(int index, string text) => Words[index] = Words[index] with { Text = text };

    /// <summary>Leaves words out; what stands between words goes with the word behind it, and a text begins as it began.</summary>
    public void Keep(Func<int, bool> keeps)
    {
        if (Words.Count == 0) return;
        string first = Words[0].Before;
        Words = [.. Words.Where((_, i) => keeps(i))];
        if (Words.Count > 0) Words[0] = Words[0] with { Before = first };
    }

    /// <summary>Puts words in the place of an entity's.</summary>
    public void Replace(int group, IReadOnlyList<string> texts)
    {
        int[] old = Of(group);
        string before = Words[old[0]].Before, between = old.Length > 1 ? Words[old[1]].Before : old[0] > 0 ? before : " ";
        Words.RemoveRange(old[0], old.Length);
        Words.InsertRange(old[0], texts.Select((text, i) => new AugmentedWord(i == 0 ? before : between, text, group)));
    }

    /// <summary>Puts a whole text in its place; only where no word stands in an entity.</summary>
    public bool TryReplace(string text)
    {
        if (Words.Exists(word => word.Group >= 0)) return false;
        Words = Of(text).Words;
        return true;
    }

    /// <summary>The text, and where each entity begins and ends in it; (-1, -1) where it was left out.</summary>
    public (string Text, (int Start, int End)[] Groups) Join()
    {
        var text = new StringBuilder();
        var groups = new (int Start, int End)[types.Count];
        Array.Fill(groups, (-1, -1));
        foreach (AugmentedWord word in Words)
        {
            int start = text.Append(word.Before).Length;
            text.Append(word.Text);
            if (word.Group >= 0) groups[word.Group] = (groups[word.Group].Start < 0 ? start : groups[word.Group].Start, text.Length);
        }
        return (text.Append(tail).ToString(), groups);
    }
}
