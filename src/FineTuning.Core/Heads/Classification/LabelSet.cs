using System.Globalization;
using FineTuning.Errors;

namespace FineTuning.Heads;

/// <summary>The labels of a classifier in a fixed order: the user's values, their names in the checkpoint, their places in the output.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class LabelSet<TLabel>
    where TLabel : notnull
{
    private readonly Dictionary<TLabel, int> _places;

    internal LabelSet(IReadOnlyList<TLabel> labels)
    {
        var problems = new List<string>();
        if (labels.Count < 2) problems.Add($"there are {labels.Count} labels: a classifier needs 2 or more");
        _places = [];
        for (int i = 0; i < labels.Count; i++)
        {
            if (!_places.TryAdd(labels[i], i)) problems.Add($"label '{labels[i]}' is listed twice");
        }
        if (problems.Count > 0) throw new InvalidOptionsException(problems);
        Labels = labels;
        Names = [.. labels.Select(NameOf)];
    }

    /// <summary>The labels in the order of the model's outputs.</summary>
    public IReadOnlyList<TLabel> Labels { get; }

    /// <summary>Their names in the checkpoint's config.json.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How many labels there are.</summary>
    public int Count => Labels.Count;

    /// <summary>The place of a label in the model's outputs, or -1.</summary>
    /// <param name="label">The label.</param>
    public int PlaceOf(TLabel label) => _places.GetValueOrDefault(label, -1);

    /// <exception cref="ArgumentException">There is no such label.</exception>
    internal int Require(TLabel label) => PlaceOf(label) is >= 0 and int place ? place
        : throw new ArgumentException($"'{label}' is not one of the model's {Count} labels: {Excerpt.Of(string.Join(", ", Names))}", nameof(label));

    /// <summary>
    /// The labels a model has: those the user lists; else an enum's values or false and true; else the checkpoint's own, where it names any.
    /// </summary>
    internal static LabelSet<TLabel> Resolve(IReadOnlyList<TLabel>? listed, IReadOnlyDictionary<int, string> stored, string folder)
    {
        if (listed is not null) return new(listed);
        bool named = stored.Count > 1 && stored.Any(pair => pair.Value != $"LABEL_{pair.Key}");
        if (typeof(TLabel).IsEnum) return OfEnum(named ? stored : null);
        if (typeof(TLabel) == typeof(bool)) return new([(TLabel)(object)false, (TLabel)(object)true]);
        if (named && typeof(TLabel) == typeof(string)) return new([.. Ordered(stored).Select(name => (TLabel)(object)name)]);
        if (named && Ordered(stored).All(name => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)))
        {
            return new([.. Ordered(stored).Select(name => (TLabel)Convert.ChangeType(name, typeof(TLabel), CultureInfo.InvariantCulture))]);
        }
        throw new InvalidOptionsException([$"{folder}: the checkpoint names no labels of type {typeof(TLabel).Name}; list them in the options (Labels = [...])"]);
    }

    // A checkpoint tuned before keeps the order of its outputs, whatever the order in which the enum is declared today.
    private static LabelSet<TLabel> OfEnum(IReadOnlyDictionary<int, string>? stored)
    {
        TLabel[] declared = [.. Enum.GetValues(typeof(TLabel)).Cast<TLabel>().Distinct()];
        if (stored is not null)
        {
            var byName = declared.ToDictionary(NameOf, StringComparer.OrdinalIgnoreCase);
            if (stored.Count == declared.Length && Ordered(stored).All(byName.ContainsKey)) return new([.. Ordered(stored).Select(name => byName[name])]);
        }
        return new(declared);
    }

    private static IEnumerable<string> Ordered(IReadOnlyDictionary<int, string> stored) => stored.OrderBy(pair => pair.Key).Select(pair => pair.Value);

    private static string NameOf(TLabel label) => label switch
    {
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => label.ToString() ?? "",
    };
}
