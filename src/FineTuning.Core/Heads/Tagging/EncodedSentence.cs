using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>A token that carries a label: a word's first, or each.</summary>
/// <param name="Word">The position of its word in the sentence.</param>
/// <param name="Start">The first character of what it stands for.</param>
/// <param name="End">The index behind the last.</param>
internal readonly record struct Unit(int Word, int Start, int End);

/// <summary>A word by its characters.</summary>
internal readonly record struct WordSpan(int Start, int End);

/// <summary>A sentence as the model reads it: words, labelled units, and windows that own each unit once.</summary>
internal sealed class EncodedSentence(string text, WordSpan[] words, Unit[] units)
{
    public string Text { get; } = text;

    public WordSpan[] Words { get; } = words;

    public Unit[] Units { get; } = units;

    /// <summary>The true tag of each unit by its position in the model's tags; null where nothing is known.</summary>
    public int[]? Targets { get; set; }

    public IReadOnlyList<SentenceWindow> Windows { get; set; } = [];

    /// <summary>The units of words from the first to the last. Null: none of them has one.</summary>
    public (int First, int Last)? UnitsOf(int firstWord, int lastWord)
    {
        int first = FirstWhere(Units, unit => unit.Word >= firstWord), behind = FirstWhere(Units, unit => unit.Word > lastWord);
        return first < behind ? (first, behind - 1) : null;
    }

    /// <summary>The position from which on a condition holds, by halving; the length where it never does.</summary>
    public static int FirstWhere<T>(T[] ordered, Func<T, bool> holds)
    {
        int low = 0, high = ordered.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (holds(ordered[middle])) high = middle;
            else low = middle + 1;
        }
        return low;
    }
}

/// <summary>A window of a sentence: its tokens, and the units that are learned and predicted from it.</summary>
internal sealed class SentenceWindow(int[] ids, int[]? typeIds, EncodedSentence sentence, (int Position, int Unit)[] owned, double weight)
    : TokenizedRow(ids, typeIds)
{
    public EncodedSentence Sentence { get; } = sentence;

    /// <summary>Positions among the window's tokens with the units they stand for; units are neighbours, in order.</summary>
    public (int Position, int Unit)[] Owned { get; } = owned;

    public double Weight { get; } = weight;

    public bool BeginsSentence => Owned[0].Unit == 0;

    public bool EndsSentence => Owned[^1].Unit == Sentence.Units.Length - 1;

    public override double TargetCount => Weight * Owned.Length;
}

/// <summary>An example whose windows are rows of their own once the data set is arranged.</summary>
internal sealed class SentenceRow(EncodedSentence sentence) : EncodedRow(sentence.Windows.Max(window => window.Length))
{
    public EncodedSentence Sentence { get; } = sentence;

    public override double TargetCount => Sentence.Windows.Sum(window => window.TargetCount);
}
