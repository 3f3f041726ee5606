using System.Security.Cryptography;
using System.Text;
using FineTuning.Examples;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>What a set of preference pairs teaches beside the preference.</summary>
/// <param name="Pairs">How many pairs there are.</param>
/// <param name="Identical">Pairs of two equal completions: they teach nothing.</param>
/// <param name="Repeated">Pairs that stood in the data before.</param>
/// <param name="Contradicting">Pairs of which the opposite stands in the data as well: same prompt, completions the other way round.</param>
/// <param name="ChosenLonger">Pairs whose chosen completion is longer.</param>
/// <param name="RejectedLonger">Pairs whose rejected completion is longer.</param>
/// <param name="MeanChosenLength">The mean length of chosen completions.</param>
/// <param name="MeanRejectedLength">The mean length of rejected completions.</param>
internal sealed record PreferenceLintReport(
    long Pairs, long Identical, long Repeated, long Contradicting, long ChosenLonger, long RejectedLonger, double MeanChosenLength, double MeanRejectedLength)
{
    /// <summary>
    /// The share of pairs with different lengths whose longer completion was chosen. Far from a half, a model learns to be long, or short,
    /// before it learns what is better. NaN where all lengths are equal.
    /// </summary>
    public double LongerChosenShare => ChosenLonger + RejectedLonger == 0 ? double.NaN : (double)ChosenLonger / (ChosenLonger + RejectedLonger);
}

/// <summary>
/// Looks over preference pairs: length bias, identical and contradicting pairs. Thread-safe; what is found does not depend on the order of the pairs.
/// </summary>
/// <remarks>Keeps 16 bytes a different pair.</remarks>
internal sealed class PreferenceLint
{
    /// <summary>What identical pairs are counted as.</summary>
    internal const string IdenticalNote = "chosen and rejected are the same: nothing is learned";

    /// <summary>What contradicting pairs are counted as.</summary>
    internal const string ContradictingNote = "the opposite pair stands in the data as well: both are learned";

    internal const string RepeatedNote = "the same pair stood in the data before";

    internal const string ChosenLongerNote = "the chosen completion is longer than the rejected one";

    internal const string RejectedLongerNote = "the rejected completion is longer than the chosen one";

    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, long> _seen = [];
    private long _pairs, _identical, _repeated, _contradicting, _chosenLonger, _rejectedLonger, _chosen, _rejected;

    /// <summary>Looks over pairs; lengths are counted in characters.</summary>
    /// <param name="pairs">Read once.</param>
    public static PreferenceLintReport Of(IEnumerable<PreferencePair> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var lint = new PreferenceLint();
        foreach (PreferencePair pair in pairs) lint.Add(pair, pair.Chosen.ToString().Length, pair.Rejected.ToString().Length, null);
        return lint.Report();
    }

    /// <summary>Adds a pair, and counts in a report what is wrong with it.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="chosen">How long its chosen completion is, in whatever unit.</param>
    /// <param name="rejected">How long its rejected completion is.</param>
    /// <param name="report">Told. Null: no one is told.</param>
    public void Add(PreferencePair pair, int chosen, int rejected, EncodingReport? report)
    {
        ArgumentNullException.ThrowIfNull(pair);
        UInt128 own = Key(pair.Prompt, pair.Chosen, pair.Rejected), opposite = Key(pair.Prompt, pair.Rejected, pair.Chosen);
        bool identical = pair.Chosen == pair.Rejected;
        long contradicting, before;
        lock (_lock)
        {
            before = _seen.GetValueOrDefault(own);
            long against = identical ? 0 : _seen.GetValueOrDefault(opposite);
            // The first of its kind brings the opposite ones in, which were no contradictions before: the sum is the same in every order.
            contradicting = against == 0 ? 0 : before > 0 ? 1 : 1 + against;
            _seen[own] = before + 1;
            (_pairs, _contradicting, _chosen, _rejected) = (_pairs + 1, _contradicting + contradicting, _chosen + chosen, _rejected + rejected);
            if (identical) _identical++;
            if (before > 0) _repeated++;
            if (chosen > rejected) _chosenLonger++;
            if (rejected > chosen) _rejectedLonger++;
        }
        if (report is null) return;
        report.Note(IdenticalNote, identical ? 1 : 0);
        report.Note(RepeatedNote, before > 0 ? 1 : 0);
        report.Note(ContradictingNote, (int)contradicting);
        report.Note(ChosenLongerNote, chosen > rejected ? 1 : 0);
        report.Note(RejectedLongerNote, rejected > chosen ? 1 : 0);
    }

    /// <summary>What was found so far.</summary>
    public PreferenceLintReport Report()
    {
        lock (_lock)
        {
            return new(_pairs, _identical, _repeated, _contradicting, _chosenLonger, _rejectedLonger, (double)_chosen / _pairs, (double)_rejected / _pairs);
        }
    }

    private static UInt128 Key(TextOrTurns prompt, TextOrTurns first, TextOrTurns second)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (TextOrTurns part in new[] { prompt, first, second })
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part.ToString());
            // Lengths in between, so that no two triples make the same bytes.
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
        return BitConverter.ToUInt128(hash.GetHashAndReset());
    }
}
