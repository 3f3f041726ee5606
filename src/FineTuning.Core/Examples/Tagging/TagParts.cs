namespace FineTuning.Examples;

/// <summary>A tag in its parts: where in the entity, and which type.</summary>
internal readonly record struct TagParts(char Prefix, string Type)
{
    public const string OutsideTag = "O";

    public static TagParts Outside { get; } = new('O', "_");

    /// <summary>conlleval's reading: the first character, and what follows the first hyphen, or else the first character.</summary>
    public static TagParts Lenient(string tag, bool suffix = false)
    {
        if (tag.Length == 0) return Outside;
        string type;
        if (suffix)
        {
            int last = tag.LastIndexOf('-', tag.Length - 2 < 0 ? 0 : tag.Length - 2);
            type = last >= 0 ? tag[..last] : tag[..^1];
            return new(tag[^1], type.Length == 0 ? "_" : type);
        }
        int hyphen = tag.IndexOf('-', 1 <= tag.Length ? 1 : 0);
        type = hyphen >= 0 ? tag[(hyphen + 1)..] : tag[1..];
        return new(tag[0], type.Length == 0 ? "_" : type);
    }

    /// <summary>The strict reading: one character of the prefixes there are, then hyphens, then the type.</summary>
    /// <exception cref="ArgumentException">The first character is no prefix of any scheme.</exception>
    public static TagParts Strict(string tag, bool suffix = false)
    {
        if (tag.Length == 0) throw new ArgumentException("a tag is empty", nameof(tag));
        char prefix = suffix ? tag[^1] : tag[0];
        if (!"IOBESUL".Contains(prefix, StringComparison.Ordinal))
            throw new ArgumentException($"'{tag}' begins with none of the prefixes I, O, B, E, S, U, L", nameof(tag));
        string type = (suffix ? tag[..^1] : tag[1..]).Trim('-');
        return new(prefix, type.Length == 0 ? "_" : type);
    }

    /// <summary>A tag as well-formed data has it: O, or a prefix, a hyphen and a type.</summary>
    public static bool TryExact(string tag, out TagParts parts)
    {
        parts = Outside;
        if (tag == OutsideTag) return true;
        if (tag.Length < 3 || tag[1] != '-' || !"IBESUL".Contains(tag[0], StringComparison.Ordinal)) return false;
        parts = new(tag[0], tag[2..]);
        return true;
    }

    public override string ToString() => Prefix == 'O' ? OutsideTag : $"{Prefix}-{Type}";
}
