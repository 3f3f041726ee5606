using System.Globalization;
using FineTuning.Errors;

namespace FineTuning.Heads;

/// <summary>The labels of a classifier in a fixed order: the user's values, their names in the checkpoint, their indices in the output.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class LabelSet<TLabel>
    where TLabel : notnull
{
    private readonly Dictionary<TLabel, int> _indices;

    internal LabelSet(IReadOnlyList<TLabel> labels)
        : this(labels, Checked(labels))
    {
    }

    private LabelSet(IReadOnlyList<TLabel> labels, IReadOnlyList<string> names)
    {
        (Labels, Names) = (labels, names);
        _indices = labels.Select((label, index) => (label, index)).ToDictionary(pair => pair.label, pair => pair.index);
    }

    /// <summary>The labels in the order of the model's outputs.</summary>
    public IReadOnlyList<TLabel> Labels { get; }

    /// <summary>Their names in the checkpoint's config.json.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How many labels there are.</summary>
    public int Count => Labels.Count;

    /// <summary>The index of a label in the model's outputs, or -1.</summary>
    /// <param name="label">The label.</param>
    public int IndexOf(TLabel label) => label is null ? throw new ArgumentNullException(nameof(label)) : _indices.GetValueOrDefault(label, -1);

    /// <exception cref="ArgumentException">There is no such label.</exception>
    internal int Require(TLabel label) => IndexOf(label) is >= 0 and int index ? index
        : throw new ArgumentException($"'{label}' is not one of the model's {Count} labels: {OutputNames.List(Names)}", nameof(label));

    /// <summary>
    /// The labels a model has: those the user lists; else an enum's values or false and true; else the checkpoint's own. Where the checkpoint's head is taken
    /// over, each stands at the output that has its name.
    /// </summary>
    /// <param name="listed">The user's list. Null: there is none.</param>
    /// <param name="stored">What the checkpoint says of its outputs.</param>
    /// <param name="violations">Gets what is wrong with the labels.</param>
    /// <param name="refusal">Why the checkpoint's head cannot be that of these labels. Null: it can.</param>
    /// <returns>Null where there is a violation.</returns>
    internal static LabelSet<TLabel>? Resolve(IReadOnlyList<TLabel>? listed, StoredOutputs stored, List<string> violations, out string? refusal)
    {
        refusal = null;
        IReadOnlyList<TLabel>? meant = listed ?? Declared();
        if ((meant ?? Named(stored)) is not { } labels)
        {
            violations.Add($"{stored.Folder}: the checkpoint names no labels of type {typeof(TLabel).Name}; list them in the options (Labels = [...])");
            return null;
        }
        int before = violations.Count;
        CollectViolations(labels, violations);
        if (violations.Count > before) return null;
        if (meant is null) return new(labels, stored.Names);
        OutputOrder order = stored.Order([.. labels.Select(NameOf)], stated: listed is not null, "labels", "Labels");
        refusal = order.Refusal;
        return new([.. order.Indices.Select(index => labels[index])], order.Names);
    }

    private static void CollectViolations(IReadOnlyList<TLabel> labels, List<string> violations)
    {
        NullMembers.RequireEntries(labels, nameof(labels));
        if (labels.Count < 2) violations.Add($"there are {labels.Count} labels: a classifier needs 2 or more");
        var seen = new HashSet<TLabel>();
        var names = new Dictionary<string, TLabel>(StringComparer.Ordinal);
        foreach (TLabel label in labels)
        {
            if (!seen.Add(label)) violations.Add($"label '{label}' is listed twice");
            else if (!names.TryAdd(NameOf(label), label)) violations.Add($"two labels have the name '{NameOf(label)}': a checkpoint cannot tell them apart");
        }
    }

    private static string[] Checked(IReadOnlyList<TLabel> labels)
    {
        var violations = new List<string>();
        CollectViolations(labels, violations);
        return violations.Count > 0 ? throw new InvalidOptionsException(violations) : [.. labels.Select(NameOf)];
    }

    private static TLabel[]? Declared() => typeof(TLabel).IsEnum ? [.. Enum.GetValues(typeof(TLabel)).Cast<TLabel>().Distinct()]
        : typeof(TLabel) == typeof(bool) ? [(TLabel)(object)false, (TLabel)(object)true] : null;

    /// <summary>The checkpoint's names as labels. Null: it has none, or they are not of the type.</summary>
    private static TLabel[]? Named(StoredOutputs stored)
    {
        IReadOnlyList<string> names = stored.Defaults;
        if (names.Count < 2) return null;
        if (typeof(TLabel) == typeof(string)) return [.. names.Cast<TLabel>()];
        TypeCode type = Type.GetTypeCode(typeof(TLabel));
        if (type is < TypeCode.SByte or > TypeCode.UInt64) return null;
        var labels = new TLabel[names.Count];
        for (int i = 0; i < labels.Length; i++)
        {
            if (!decimal.TryParse(names[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal number)) return null;
            try
            {
                labels[i] = (TLabel)Convert.ChangeType(number, typeof(TLabel), CultureInfo.InvariantCulture);
            }
            catch (OverflowException)
            {
                return null;
            }
        }
        return labels;
    }

    private static string NameOf(TLabel label) => label switch
    {
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => label.ToString() ?? "",
    };
}
