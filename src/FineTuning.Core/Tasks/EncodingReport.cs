using System.Collections.ObjectModel;
using System.Globalization;

namespace FineTuning.Tasks;

/// <summary>Counts what happens to the examples while they become tokens: nothing is cut or left out in silence.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class EncodingReport
{
    private const int NamesKept = 5;
    private const string Position = "record ";

    // Positions by number, names in ordinal order.
    private static readonly Comparer<string> ByName = Comparer<string>.Create((one, other) =>
        one.StartsWith(Position, StringComparison.Ordinal) && other.StartsWith(Position, StringComparison.Ordinal) && one.Length != other.Length
            ? one.Length.CompareTo(other.Length) : string.CompareOrdinal(one, other));

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, int> _skipped = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> _notes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedSet<string>> _names = new(StringComparer.Ordinal);
    private readonly EncodingReport? _whole;
    private readonly int _index;
    private int _truncatedExamples;
    private long _truncatedTokens;
    private int _emptyTexts;

    /// <summary>Creates a report in which nothing is counted yet.</summary>
    public EncodingReport()
    {
    }

    private EncodingReport(EncodingReport whole, int index) => (_whole, _index) = (whole, index);

    /// <summary>What was counted so far; it no longer changes.</summary>
    public EncodingSummary Summary()
    {
        if (_whole is not null) return _whole.Summary();
        lock (_lock)
        {
            return new EncodingSummary
            {
                TruncatedExamples = _truncatedExamples,
                TruncatedTokens = _truncatedTokens,
                EmptyTexts = _emptyTexts,
                Skipped = Copy(_skipped, count => count),
                Notes = Copy(_notes, count => count),
                Names = Copy(_names, names => (IReadOnlyList<string>)Array.AsReadOnly(names.ToArray())),
            };
        }
    }

    /// <summary>Counts something that was changed or could not be used as it stood, in an example that is used all the same.</summary>
    /// <param name="what">What, in a few words that are the same for all such cases.</param>
    /// <param name="count">How often; 0 or less counts nothing.</param>
    public void Note(string what, int count = 1)
    {
        ArgumentNullException.ThrowIfNull(what);
        if (_whole is not null)
        {
            _whole.Note(what, count);
            return;
        }
        if (count <= 0) return;
        lock (_lock) _notes[what] = _notes.GetValueOrDefault(what) + count;
    }

    /// <summary>Counts an example that lost tokens.</summary>
    /// <param name="tokens">How many were lost; 0 or less counts nothing.</param>
    public void Truncated(int tokens)
    {
        if (_whole is not null)
        {
            _whole.Truncated(tokens);
            return;
        }
        if (tokens <= 0) return;
        lock (_lock)
        {
            _truncatedExamples++;
            _truncatedTokens += tokens;
        }
    }

    /// <summary>Counts an empty text.</summary>
    public void Empty()
    {
        if (_whole is not null)
        {
            _whole.Empty();
            return;
        }
        lock (_lock) _emptyTexts++;
    }

    /// <summary>Counts an example that is left out.</summary>
    /// <param name="reason">Why, in a few words that are the same for all such examples.</param>
    public void Skip(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        if (_whole is not null)
        {
            _whole.Skip(reason);
            return;
        }
        lock (_lock) _skipped[reason] = _skipped.GetValueOrDefault(reason) + 1;
    }

    /// <summary>Names an example that is left out or changed.</summary>
    /// <param name="reason">As it is counted.</param>
    /// <param name="name">The example's name. Null: it has none, and its position in the data names it.</param>
    public void Name(string reason, string? name)
    {
        ArgumentNullException.ThrowIfNull(reason);
        if (_whole is not null)
        {
            _whole.Name(reason, string.IsNullOrEmpty(name) ? string.Create(CultureInfo.InvariantCulture, $"{Position}{_index}") : name);
            return;
        }
        if (string.IsNullOrEmpty(name)) return;
        lock (_lock)
        {
            if (!_names.TryGetValue(reason, out SortedSet<string>? names)) _names[reason] = names = new(ByName);
            names.Add(name);
            // The smallest names stay, so that the threads' order does not show.
            if (names.Count > NamesKept) names.Remove(names.Max!);
        }
    }

    /// <summary>The report of the whole data set.</summary>
    internal EncodingReport Whole => _whole ?? this;

    /// <summary>The same report, told about one record: what has no name is named by its index in the data, from 0.</summary>
    internal EncodingReport At(int index) => new(_whole ?? this, index);

    private static ReadOnlyDictionary<string, TOut> Copy<TIn, TOut>(SortedDictionary<string, TIn> counted, Func<TIn, TOut> value)
    {
        var copy = new SortedDictionary<string, TOut>(StringComparer.Ordinal);
        foreach ((string key, TIn found) in counted) copy[key] = value(found);
        return new(copy);
    }
}
