using System.Collections.Frozen;
using System.Text;

namespace FineTuning.Text;

/// <summary>A set of code points, looked up in one step below U+10000 and by binary search above.</summary>
internal sealed class CodePointSet
{
    private readonly ulong[] _low = new ulong[0x10000 / 64];
    private readonly int[] _high;

    public CodePointSet(IReadOnlyList<int> ranges)
    {
        var high = new List<int>();
        for (int i = 0; i < ranges.Count; i += 2)
        {
            for (int point = ranges[i]; point <= Math.Min(ranges[i + 1], 0xFFFF); point++) _low[point >> 6] |= 1ul << (point & 63);
            if (ranges[i + 1] > 0xFFFF) high.AddRange([Math.Max(ranges[i], 0x10000), ranges[i + 1]]);
        }
        _high = [.. high];
    }

    public bool Contains(int point)
    {
        if (point < 0x10000) return ((_low[point >> 6] >> (point & 63)) & 1) != 0;
        int position = Array.BinarySearch(_high, point);
        if (position >= 0) return true;
        return (~position & 1) == 1;
    }
}

/// <summary>
/// The character classes and mappings of the reference tokenizers. They follow Unicode 8 here and Unicode 15 there, so they are carried along; with them the
/// pipelines need nothing of the platform's own tables.
/// </summary>
internal static class UnicodeTables
{
    private static readonly Lazy<(Dictionary<string, List<int>> Ranges, Dictionary<string, FrozenDictionary<int, string>> Maps)> Data = new(Read);
    private static readonly Dictionary<string, CodePointSet> Sets = new(StringComparer.Ordinal);
    private static readonly Lock SetsLock = new();

    /// <summary>A class by the name that build/make-unicode-tables.cs gave it.</summary>
    public static CodePointSet Set(string name)
    {
        lock (SetsLock)
        {
            if (!Sets.TryGetValue(name, out CodePointSet? set)) Sets[name] = set = new CodePointSet(Data.Value.Ranges.GetValueOrDefault(name) ?? []);
            return set;
        }
    }

    /// <summary>
    /// The word characters of the reference's own regular expressions, which its added tokens and its white-space words are found by.
    /// Those of a pipeline's patterns (<c>\w</c> of the tables) count six superscripts and fractions in and the joiners out.
    /// </summary>
    public static CodePointSet Word { get; } = new(
        CodePointRanges.Of(Ranges(@"\w")!).Intersect(CodePointRanges.Of([0xB2, 0xB3, 0xB9, 0xB9, 0xBC, 0xBE]).Complement())
        .Union(CodePointRanges.Of(0x200C, 0x200D)).Items);

    /// <summary>The ranges of a class (first, last, first, last ...); null where no table has that name.</summary>
    public static IReadOnlyList<int>? Ranges(string name) => Data.Value.Ranges.GetValueOrDefault(name);

    /// <summary>The names of all classes that begin so.</summary>
    public static IEnumerable<string> Names(string prefix) => Data.Value.Ranges.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>A mapping by the name that build/make-unicode-tables.cs gave it.</summary>
    public static FrozenDictionary<int, string> Map(string name) => Data.Value.Maps[name];

    private static (Dictionary<string, List<int>> Ranges, Dictionary<string, FrozenDictionary<int, string>> Maps) Read()
    {
        var ranges = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        var maps = new Dictionary<string, FrozenDictionary<int, string>>(StringComparer.Ordinal);
        foreach (string resource in new[] { "unicode-tables", "unicode-forms" }) Read(resource, ranges, maps);
        return (ranges, maps);
    }

    private static void Read(string resource, Dictionary<string, List<int>> ranges, Dictionary<string, FrozenDictionary<int, string>> maps)
    {
        using Stream stream = typeof(UnicodeTables).Assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            int tab = line.IndexOf('\t', StringComparison.Ordinal);
            string[] items = line[(tab + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            int last = 0;
            if (line[0] == '=')
            {
                var map = new Dictionary<int, string>();
                foreach (string item in items)
                {
                    string[] pair = item.Split(':');
                    last += Base36(pair[0]);
                    map[last] = string.Concat(pair[1].Split('.', StringSplitOptions.RemoveEmptyEntries).Select(point => new Rune(Base36(point)).ToString()));
                }
                maps[line[1..tab]] = map.ToFrozenDictionary();
            }
            else
            {
                ranges[line[..tab]] = [.. items.Select(item => last += Base36(item))];
            }
        }
    }

    private static int Base36(string digits)
    {
        int value = 0;
        foreach (char digit in digits) value = (value * 36) + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
        return value;
    }
}
