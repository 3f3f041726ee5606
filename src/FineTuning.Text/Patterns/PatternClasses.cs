using System.Collections.Concurrent;
using System.Globalization;

namespace FineTuning.Text;

/// <summary>Named character classes of patterns. Those that the reference's tables cover come from them; other categories follow the runtime.</summary>
internal static class PatternClasses
{
    private static readonly ConcurrentDictionary<string, CodePointRanges?> Known = new(StringComparer.Ordinal);

    /// <summary>The class of <c>\p{name}</c>. Null: there is none with that name. here.</summary>
    public static CodePointRanges? Property(string name) => Known.GetOrAdd(name, static name =>
        UnicodeTables.Ranges($"\\p{{{name}}}") is { } table ? CodePointRanges.Of(table)
        : Category(name) ?? Script(name) ?? Posix(name.ToLowerInvariant()));

    /// <summary>The class of <c>[:name:]</c>. Null: there is none with that name. here.</summary>
    public static CodePointRanges? Posix(string name) => name switch
    {
        "alpha" or "punct" or "space" => Table($"[[:{name}:]]"),
        "digit" => Table(@"\d"),
        "word" => Table(@"\w"),
        "xdigit" => Table(@"\h"),
        "upper" => Table(@"\p{Lu}"),
        "lower" => Table(@"\p{Ll}"),
        "alnum" => Table("[[:alpha:]]").Union(Table(@"\d")),
        "cntrl" => CodePointRanges.Of([0, 0x1F, 0x7F, 0x9F]),
        "blank" => CodePointRanges.Of('\t', '\t').Union(Property("Zs")!),
        "any" => CodePointRanges.All,
        "ascii" => CodePointRanges.Of(0, 0x7F),
        _ => null,
    };

    /// <summary>A class of the tables.</summary>
    public static CodePointRanges Table(string name) => Known.GetOrAdd("table " + name, _ => CodePointRanges.Of(UnicodeTables.Ranges(name)!))!;

    private static CodePointRanges? Category(string name)
    {
        Func<UnicodeCategory, bool>? test = name switch
        {
            "Cc" => category => category == UnicodeCategory.Control,
            "Cf" => category => category == UnicodeCategory.Format,
            "Co" => category => category == UnicodeCategory.PrivateUse,
            "Cn" => category => category == UnicodeCategory.OtherNotAssigned,
            "C" => category => category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate,
            "Mn" => category => category == UnicodeCategory.NonSpacingMark,
            "Mc" => category => category == UnicodeCategory.SpacingCombiningMark,
            "Me" => category => category == UnicodeCategory.EnclosingMark,
            "Nd" => category => category == UnicodeCategory.DecimalDigitNumber,
            "Nl" => category => category == UnicodeCategory.LetterNumber,
            "No" => category => category == UnicodeCategory.OtherNumber,
            "Pc" => category => category == UnicodeCategory.ConnectorPunctuation,
            "Pd" => category => category == UnicodeCategory.DashPunctuation,
            "Ps" => category => category == UnicodeCategory.OpenPunctuation,
            "Pe" => category => category == UnicodeCategory.ClosePunctuation,
            "Pi" => category => category == UnicodeCategory.InitialQuotePunctuation,
            "Pf" => category => category == UnicodeCategory.FinalQuotePunctuation,
            "Po" => category => category == UnicodeCategory.OtherPunctuation,
            "Sm" => category => category == UnicodeCategory.MathSymbol,
            "Sc" => category => category == UnicodeCategory.CurrencySymbol,
            "Sk" => category => category == UnicodeCategory.ModifierSymbol,
            "So" => category => category == UnicodeCategory.OtherSymbol,
            "Z" => category => category is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator,
            "Zs" => category => category == UnicodeCategory.SpaceSeparator,
            "Zl" => category => category == UnicodeCategory.LineSeparator,
            "Zp" => category => category == UnicodeCategory.ParagraphSeparator,
            _ => null,
        };
        return test is null ? null : CodePointRanges.Where(point => test(CharUnicodeInfo.GetUnicodeCategory(point)));
    }

    private static CodePointRanges? Script(string name)
    {
        string plain = name.StartsWith("Script=", StringComparison.Ordinal) ? name[7..] : name;
        return UnicodeTables.Ranges("script." + plain) is { } table ? CodePointRanges.Of(table) : null;
    }
}
