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

    public void Write(RowWriter writer)
    {
        writer.Text(Text);
        writer.Numbers([.. Words.SelectMany(word => new[] { word.Start, word.End })]);
        writer.Numbers([.. Units.SelectMany(unit => new[] { unit.Word, unit.Start, unit.End })]);
        writer.OptionalIds(Targets);
    }

    /// <exception cref="InvalidDataException">It is not as it can have been written.</exception>
    public static EncodedSentence Read(ref RowReader reader)
    {
        (string text, int[] words, int[] units, int[]? targets) = (reader.Text(), reader.Numbers(), reader.Numbers(), reader.OptionalIds());
        if (words.Length % 2 != 0 || units.Length % 3 != 0 || (targets is not null && targets.Length != units.Length / 3))
            throw RowReader.Damaged("words, units and tags of a sentence do not fit each other");
        return new(text, [.. words.Chunk(2).Select(word => new WordSpan(word[0], word[1]))],
            [.. units.Chunk(3).Select(unit => new Unit(unit[0], unit[1], unit[2]))]) { Targets = targets };
    }

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

    // The sentence goes with each of its windows; nearly every sentence has one.
    internal override void Write(RowWriter writer)
    {
        Sentence.Write(writer);
        writer.Count(Sentence.Windows.Count);
        for (int i = 0; i < Sentence.Windows.Count; i++)
        {
            SentenceWindow window = Sentence.Windows[i];
            writer.Flag(window == this);
            window.WriteTokens(writer);
            writer.Count(window.Owned.Length);
            foreach ((int position, int unit) in window.Owned) writer.Ids([position, unit]);
            writer.Real(window.Weight);
        }
    }

    internal static new SentenceWindow Read(ref RowReader reader)
    {
        EncodedSentence sentence = EncodedSentence.Read(ref reader);
        // A window takes a flag, two lists and a number at least.
        var windows = new SentenceWindow[reader.Length(bytesEach: 12)];
        SentenceWindow? own = null;
        for (int i = 0; i < windows.Length; i++)
        {
            bool isOwn = reader.Flag();
            (int[] ids, int[]? types) = ReadTokens(ref reader);
            var owned = new (int, int)[reader.Length(bytesEach: 3)];
            for (int j = 0; j < owned.Length; j++)
            {
                if (reader.Ids() is not [int position, int unit] || position >= ids.Length || unit >= sentence.Units.Length)
                    throw RowReader.Damaged("a unit is outside of its window");
                owned[j] = (position, unit);
            }
            windows[i] = new(ids, types, sentence, owned, reader.Real()) { Index = reader.Index };
            if (owned.Length == 0 || (isOwn && own is not null)) throw RowReader.Damaged("a window has no unit, or is there twice");
            if (isOwn) own = windows[i];
        }
        // As the model makes them: a list.
        sentence.Windows = windows.ToList();
        return own ?? throw RowReader.Damaged("its window is missing");
    }
}

/// <summary>An example whose windows are rows of their own once the data set is arranged.</summary>
internal sealed class SentenceRow(EncodedSentence sentence) : EncodedRow(sentence.Windows.Max(window => window.Length))
{
    public EncodedSentence Sentence { get; } = sentence;

    public override double TargetCount => Sentence.Windows.Sum(window => window.TargetCount);
}
