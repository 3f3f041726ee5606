using System.Globalization;

namespace FineTuning.Models;

/// <summary>
/// One module's name here and in the checkpoint, <c>{i}</c> standing for the first number in a name (the layer) and <c>{j}</c> for the second, and how the
/// checkpoint stores it. A checkpoint's name that ends in <c>!</c> is a tensor's whole name (a bare parameter without .weight).
/// </summary>
/// <param name="Ours">This library's names: several where the checkpoint holds them stacked in one tensor.</param>
/// <param name="Theirs">The checkpoint's name.</param>
/// <param name="Layout">How it is stored.</param>
internal sealed record NameRow(IReadOnlyList<string> Ours, string Theirs, TensorLayout Layout)
{
    public static implicit operator NameRow((string Ours, string Theirs) pair) => new([pair.Ours], pair.Theirs, TensorLayout.Plain);

    public static implicit operator NameRow((string Ours, string Theirs, TensorLayout Layout) row) => new([row.Ours], row.Theirs, row.Layout);

    /// <summary>Whether the checkpoint's name begins with a segment.</summary>
    public bool Begins(string segment) => Theirs.TrimEnd('!').Split('.')[0] == segment;

    /// <summary>Several modules of a block that the checkpoint holds stacked.</summary>
    public static NameRow Fused(string block, IReadOnlyList<string> parts, string theirs, TensorLayout? layout = null) =>
        new([.. parts.Select(part => block + "." + part)], theirs, layout ?? TensorLayout.Plain);
}

/// <summary>What a checkpoint calls a tensor.</summary>
/// <param name="Prefix">The family's prefix where the tensor is the trunk's, which a base checkpoint leaves out; else empty.</param>
/// <param name="Name">The name after the prefix.</param>
/// <param name="Row">The table's row.</param>
internal readonly record struct TensorName(string Prefix, string Name, NameRow Row)
{
    public string Whole => Prefix + Name;
}

/// <summary>A family's names and layouts, as data; serves loading and saving.</summary>
/// <param name="prefix">What precedes the trunk's names where the checkpoint has a head, for example <c>bert.</c>; may be empty.</param>
/// <param name="trunk">The trunk's names.</param>
internal sealed class NameTable(string prefix, IReadOnlyList<NameRow> trunk)
{
    public string Prefix { get; } = prefix;

    /// <summary>Beginnings of names that some checkpoints write otherwise, with what they mean (the text model inside a multimodal checkpoint).</summary>
    public IReadOnlyList<(string From, string To)> Renames { get; init; } = [];

    /// <summary>The checkpoint's name of a tensor, for example of <c>layers.3.attention.query.weight</c>.</summary>
    /// <param name="ours">This library's name.</param>
    /// <param name="head">The head's names, which go first and carry no prefix.</param>
    public TensorName Map(string ours, IReadOnlyList<NameRow> head) =>
        TryMap(ours, head) ?? throw new InvalidOperationException($"the name table has no entry for '{ours}'");

    /// <summary>The checkpoint's name of a tensor. Null: the family has none of that name.</summary>
    public TensorName? TryMap(string ours, IReadOnlyList<NameRow> head)
    {
        int dot = ours.LastIndexOf('.');
        (string module, string tensor) = (ours[..dot], ours[dot..]);
        (string pattern, string first, string second) = SplitNumbers(module);
        if (Find(head, pattern) is { } own) return new("", WithTensor(own.Theirs, tensor), own);
        if (Find(trunk, pattern) is not { } row) return null;
        string theirs = row.Theirs.Replace("{i}", first, StringComparison.Ordinal).Replace("{j}", second, StringComparison.Ordinal);
        return new(Prefix, WithTensor(theirs, tensor), row);
    }

    /// <summary>The spelling under which a file's tensor is looked up: with the prefix, without 2019's gamma and beta.</summary>
    public string Normalize(string stored)
    {
        string name = stored.Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal)
            .Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
        foreach ((string from, string to) in Renames)
        {
            if (!name.StartsWith(from, StringComparison.Ordinal)) continue;
            name = to + name[from.Length..];
            break;
        }
        bool prefixed = Prefix.Length > 0 && name.StartsWith(Prefix, StringComparison.Ordinal);
        return !prefixed && IsTrunk(name) ? Prefix + name : name;
    }

    /// <summary>Whether a name of the trunk, or one that is read as such, begins with a segment, for example <c>bert</c> or <c>encoder</c>.</summary>
    public bool Begins(string segment) =>
        Prefix.Split('.')[0] == segment || Renames.Any(pair => pair.From.Split('.')[0] == segment) || trunk.Any(row => row.Begins(segment));

    private bool IsTrunk(string name) => trunk.Any(row => name.StartsWith(row.Theirs.Split('{')[0], StringComparison.Ordinal));

    private static string WithTensor(string theirs, string tensor) => theirs.EndsWith('!') ? theirs[..^1] : theirs + tensor;

    private static NameRow? Find(IReadOnlyList<NameRow> names, string pattern)
    {
        foreach (NameRow row in names)
        {
            foreach (string ours in row.Ours)
            {
                if (ours == pattern) return row;
            }
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
