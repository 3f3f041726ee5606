using System.Globalization;

namespace FineTuning.Models;

/// <summary>
/// A family's names, as data: pairs of this library's name and the checkpoint's, <c>{i}</c> standing for the first number in a name (the layer) and
/// <c>{j}</c> for the second. Serves loading and saving.
/// </summary>
/// <param name="prefix">What stands before the trunk's names where the checkpoint has a head, for example <c>bert.</c>.</param>
/// <param name="trunk">The trunk's names.</param>
/// <param name="heads">The heads' names, which carry no prefix.</param>
internal sealed class NameTable(string prefix, IReadOnlyList<(string Ours, string Theirs)> trunk, IReadOnlyDictionary<HeadKind, IReadOnlyList<(string Ours, string Theirs)>> heads)
{
    public string Prefix { get; } = prefix;

    /// <summary>The checkpoint's name of a tensor, for example of <c>layers.3.attention.query.weight</c>.</summary>
    public string Map(string ours, HeadKind head) => TryMap(ours, head) ?? throw new InvalidOperationException($"the name table has no entry for '{ours}'");

    /// <summary>The checkpoint's name of a tensor; null: the family has none of that name.</summary>
    public string? TryMap(string ours, HeadKind head)
    {
        int dot = ours.LastIndexOf('.');
        (string module, string tensor) = (ours[..dot], ours[dot..]);
        (string pattern, string first, string second) = SplitNumbers(module);
        if (heads.TryGetValue(head, out IReadOnlyList<(string Ours, string Theirs)>? names) && Find(names, pattern) is { } own) return WithTensor(own, tensor);
        if (Find(trunk, pattern) is not { } theirs) return null;
        theirs = theirs.Replace("{i}", first, StringComparison.Ordinal).Replace("{j}", second, StringComparison.Ordinal);
        return (head == HeadKind.None ? "" : Prefix) + WithTensor(theirs, tensor);
    }

    /// <summary>Whether the trunk has a module of that name.</summary>
    public bool HasTrunk(string module) => Find(trunk, module) is not null;

    /// <summary>The spelling under which a file's tensor is looked up: 2019's gamma and beta, a missing or surplus prefix.</summary>
    public string Normalize(string stored, HeadKind head)
    {
        string name = stored.Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal).Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
        bool prefixed = Prefix.Length > 0 && name.StartsWith(Prefix, StringComparison.Ordinal);
        if (head == HeadKind.None) return prefixed ? name[Prefix.Length..] : name;
        return !prefixed && IsTrunk(name) ? Prefix + name : name;
    }

    /// <summary>Whether a name of the family begins with a segment, for example <c>bert</c>, <c>encoder</c> or <c>classifier</c>.</summary>
    public bool Begins(string segment) => Prefix.Split('.')[0] == segment
        || trunk.Concat(heads.Values.SelectMany(names => names)).Any(pair => pair.Theirs.TrimEnd('!').Split('.')[0] == segment);

    private bool IsTrunk(string name) => trunk.Any(pair => name.StartsWith(pair.Theirs.Split('{')[0], StringComparison.Ordinal));

    // An entry that ends in '!' is the tensor's whole name (a bare parameter without .weight).
    private static string WithTensor(string theirs, string tensor) => theirs.EndsWith('!') ? theirs[..^1] : theirs + tensor;

    private static string? Find(IReadOnlyList<(string Ours, string Theirs)> names, string pattern)
    {
        foreach ((string ours, string theirs) in names)
        {
            if (ours == pattern) return theirs;
        }
        return null;
    }

    private static (string Pattern, string First, string Second) SplitNumbers(string module)
    {
        string[] parts = module.Split('.');
        string[] numbers = ["", ""];
        int found = 0;
        for (int i = 0; i < parts.Length && found < 2; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out _)) continue;
            numbers[found] = parts[i];
            parts[i] = found++ == 0 ? "{i}" : "{j}";
        }
        return (string.Join('.', parts), numbers[0], numbers[1]);
    }
}
