using System.Collections.Frozen;
using System.Text;

namespace FineTuning.Text;

/// <summary>
/// One of Unicode's four normal forms (Unicode Standard Annex 15), by tables of its own: the platform's may be of another version, or absent.
/// </summary>
internal sealed class UnicodeForm(bool compatible, bool composed) : Normalizer
{
    private const int FewMarks = 16, SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7, Leads = 19, Vowels = 21, Trails = 28;

    private static readonly FrozenDictionary<int, int[]> Canonical = Decompositions("nfd", "NFD");
    private static readonly FrozenDictionary<int, int[]> Compatible = Decompositions("nfkd", "NFKD");
    private static readonly FrozenDictionary<int, byte> Classes = ReadClasses();
    private static readonly FrozenDictionary<(int First, int Second), int> Pairs = ReadPairs();

    // Below these, no form changes anything.
    private readonly char _inert = compatible ? '\u00A0' : composed ? '\u0300' : '\u00C0';

    public override void Apply(AlignedText text)
    {
        ReadOnlySpan<char> characters = text.Characters;
        if (!characters.ContainsAnyExceptInRange('\0', (char)(_inert - 1))) return;
        Transformation changes = text.Changes();
        Decompose(characters, changes.Items);
        if (composed) Compose(changes.Items);
        changes.Apply(text);
    }

    private void Decompose(ReadOnlySpan<char> characters, List<(int Rune, int Change)> items)
    {
        int pending = 0;
        Span<int> syllable = stackalloc int[3];
        foreach (Rune rune in characters.EnumerateRunes())
        {
            int point = rune.Value;
            ReadOnlySpan<int> parts = [point];
            if (point is >= SyllableBase and < SyllableBase + (Leads * Vowels * Trails)) parts = syllable[..Syllable(point, syllable)];
            else if (point >= 0xA0 && ((compatible && Compatible.TryGetValue(point, out int[]? found)) || Canonical.TryGetValue(point, out found)))
                parts = found;
            for (int i = 0; i < parts.Length; i++)
            {
                if (ClassOf(parts[i]) == 0)
                {
                    Sort(items, pending);
                    pending = items.Count + 1;
                }
                items.Add((parts[i], i == 0 ? 0 : 1));
            }
        }
        Sort(items, pending);
    }

    // Marks after the last starter go by their classes; those of one class keep their order.
    private static void Sort(List<(int Rune, int Change)> items, int from)
    {
        int length = items.Count - from;
        if (length < 2) return;
        if (length <= FewMarks)
        {
            for (int i = from + 1; i < items.Count; i++)
            {
                for (int j = i; j > from && ClassOf(items[j - 1].Rune) > ClassOf(items[j].Rune); j--) (items[j - 1], items[j]) = (items[j], items[j - 1]);
            }
            return;
        }
        var sorted = items.GetRange(from, items.Count - from).OrderBy(item => ClassOf(item.Rune)).ToList();
        for (int i = 0; i < sorted.Count; i++) items[from + i] = sorted[i];
    }

    // In place: what is written never overtakes what is read.
    private static void Compose(List<(int Rune, int Change)> items)
    {
        int count = 0, starter = -1, last = -1;
        for (int i = 0; i < items.Count; i++)
        {
            (int rune, int change) = items[i];
            int rank = ClassOf(rune);
            bool reachable = starter >= 0 && (last < 0 || (last < rank && last != 0));
            if (reachable && TryCompose(items[starter].Rune, rune, out int pair))
            {
                items[starter] = (pair, items[starter].Change + change - 1);
                continue;
            }
            if (rank == 0) (starter, last) = (count, -1);
            else if (starter >= 0) last = rank;
            items[count++] = (rune, change);
        }
        items.RemoveRange(count, items.Count - count);
    }

    private static bool TryCompose(int first, int second, out int pair)
    {
        if (first is >= LeadBase and < LeadBase + Leads && second is >= VowelBase and < VowelBase + Vowels)
        {
            pair = SyllableBase + ((((first - LeadBase) * Vowels) + second - VowelBase) * Trails);
            return true;
        }
        if (first is >= SyllableBase and < SyllableBase + (Leads * Vowels * Trails) && (first - SyllableBase) % Trails == 0
            && second is > TrailBase and < TrailBase + Trails)
        {
            pair = first + second - TrailBase;
            return true;
        }
        return Pairs.TryGetValue((first, second), out pair);
    }

    private static int Syllable(int point, Span<int> parts)
    {
        int index = point - SyllableBase;
        (parts[0], parts[1], parts[2]) = (LeadBase + (index / (Vowels * Trails)),
            VowelBase + (index % (Vowels * Trails) / Trails), TrailBase + (index % Trails));
        return index % Trails == 0 ? 2 : 3;
    }

    /// <summary>The marks that canonical order moves, and what decomposes into one.</summary>
    public static CodePointSet Ordered { get; } = new(
        [.. Classes.Keys.Concat(Canonical.Where(entry => Array.Exists(entry.Value, part => ClassOf(part) != 0)).Select(entry => entry.Key)).Distinct().Order()
            .SelectMany(point => new[] { point, point })]);

    private static int ClassOf(int point) => point >= 0x300 && Classes.TryGetValue(point, out byte value) ? value : 0;

    private static FrozenDictionary<int, int[]> Decompositions(string table, string form)
    {
        Dictionary<int, string> map = new(UnicodeTables.Map(table));
        foreach ((int point, string other) in UnicodeTables.Map("normal_forms_other_than_unicode_14.0.0." + form)) map[point] = other;
        return map.ToFrozenDictionary(entry => entry.Key, entry => entry.Value.EnumerateRunes().Select(rune => rune.Value).ToArray());
    }

    private static FrozenDictionary<int, byte> ReadClasses()
    {
        var classes = new Dictionary<int, byte>();
        foreach (string name in UnicodeTables.Names("ccc."))
        {
            IReadOnlyList<int> ranges = UnicodeTables.Ranges(name)!;
            for (int i = 0; i < ranges.Count; i += 2)
            {
                for (int point = ranges[i]; point <= ranges[i + 1]; point++)
                    classes[point] = byte.Parse(name.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture);
            }
        }
        return classes.ToFrozenDictionary();
    }

    // A decomposition is the whole of a chain of pairs: all but its last character compose to one, and that one and the last to the character itself.
    private static FrozenDictionary<(int First, int Second), int> ReadPairs()
    {
        CodePointSet excluded = UnicodeTables.Set("not_composed");
        var byParts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((int point, string parts) in UnicodeTables.Map("nfd")) if (!excluded.Contains(point)) byParts[parts] = point;
        var pairs = new Dictionary<(int First, int Second), int>();
        foreach ((string parts, int point) in byParts)
        {
            int[] runes = [.. parts.EnumerateRunes().Select(rune => rune.Value)];
            string front = string.Concat(runes[..^1].Select(rune => new Rune(rune).ToString()));
            if (runes.Length == 2) pairs[(runes[0], runes[1])] = point;
            else if (byParts.TryGetValue(front, out int first)) pairs[(first, runes[^1])] = point;
        }
        return pairs.ToFrozenDictionary();
    }
}
