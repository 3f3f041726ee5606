using System.Globalization;
using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>What options violate, each rule by itself, whatever the model and the prompt.</summary>
internal static class OptionChecks
{
    public static void Collect(GenerationOptions options, List<string> violations)
    {
        void Whole(string name, int? value, int least)
        {
            if (value < least) violations.Add($"{name} is {value}: it is {least} or more");
        }
        void Within(string name, double? value, double least, double most, bool withLeast = true, bool withMost = true)
        {
            if (value is not { } number) return;
            bool fits = (withLeast ? number >= least : number > least) && (withMost ? number <= most : number < most) && double.IsFinite(number);
            string upper = double.IsInfinity(most) ? "" : $" and {(withMost ? "at most" : "below")} {Text(most)}";
            if (!fits) violations.Add($"{name} is {Text(number)}: it is {(withLeast ? "at least" : "above")} {Text(least)}{upper}");
        }
        Whole("MaxNewTokens", options.MaxNewTokens, 1);
        Whole("MaxLength", options.MaxLength, 1);
        Whole("MinNewTokens", options.MinNewTokens, 0);
        Whole("MinLength", options.MinLength, 0);
        Whole("NumBeams", options.NumBeams, 1);
        Whole("NumReturnSequences", options.NumReturnSequences, 1);
        if (options.NumBeams > 1024) violations.Add($"NumBeams is {options.NumBeams}: it is at most 1024");
        Whole("NoRepeatNgramSize", options.NoRepeatNgramSize, 0);
        Whole("EncoderNoRepeatNgramSize", options.EncoderNoRepeatNgramSize, 0);
        Within("LengthPenalty", options.LengthPenalty, double.MinValue, double.MaxValue);
        if (options.EarlyStopping is { } stopping && !Enum.IsDefined(stopping))
        {
            violations.Add($"EarlyStopping is {stopping}: it is {string.Join(", ", Enum.GetNames<EarlyStopping>())}");
        }
        Within("RepetitionPenalty", options.RepetitionPenalty, 0, double.PositiveInfinity, withLeast: false);
        Within("EncoderRepetitionPenalty", options.EncoderRepetitionPenalty, 0, double.PositiveInfinity, withLeast: false);
        Within("GuidanceScale", options.GuidanceScale, double.MinValue, double.MaxValue);
        if (options.DoSample == true)
        {
            Within("Temperature", options.Temperature, 0, double.PositiveInfinity, withLeast: false);
            Whole("TopK", options.TopK, 0);
            Within("TopP", options.TopP, 0, 1);
            Within("MinP", options.MinP, 0, 1);
            Within("TypicalP", options.TypicalP, 0, 1, withLeast: false);
            Within("TopH", options.TopH, 0, 1, withLeast: false);
            Within("EpsilonCutoff", options.EpsilonCutoff, 0, 1, withMost: false);
            Within("EtaCutoff", options.EtaCutoff, 0, 1, withMost: false);
        }
        CollectReturned(options, violations);
        CollectTokens(options, violations);
    }

    private static void CollectReturned(GenerationOptions options, List<string> violations)
    {
        if (options.NumReturnSequences is not { } returned || returned < 2 || options.NumBeams < 1) return;
        int beams = options.NumBeams ?? 1;
        if (beams == 1 && options.DoSample != true)
        {
            violations.Add($"NumReturnSequences is {returned}: without DoSample and without beams there is one text; set DoSample, or NumBeams to " +
                $"{returned} or more");
        }
        if (beams > 1 && returned > beams) violations.Add($"NumReturnSequences is {returned}: it is at most NumBeams, which is {beams}");
    }

    private static void RequireMembers(GenerationOptions options)
    {
        var found = new NullMembers().Entries(options.BadWordsIds, nameof(options.BadWordsIds)).Entries(options.SequenceBias, nameof(options.SequenceBias))
            .Entries(options.StopStrings, nameof(options.StopStrings));
        for (int i = 0; i < options.SequenceBias?.Count; i++)
            if (options.SequenceBias[i] is { Tokens: null }) found.Value(null, $"{nameof(options.SequenceBias)}[{i}].Tokens");
        found.Require(nameof(options));
    }

    private static void CollectTokens(GenerationOptions options, List<string> violations)
    {
        RequireMembers(options);
        void Ids(string name, IReadOnlyList<int>? ids)
        {
            if (ids is not null && ids.Any(id => id < 0)) violations.Add($"{name} holds {ids.First(id => id < 0)}: ids are 0 or more");
        }
        Ids("EosTokenId", options.EosTokenId);
        Ids("ForcedEosTokenId", options.ForcedEosTokenId);
        Ids("SuppressTokens", options.SuppressTokens);
        Ids("BeginSuppressTokens", options.BeginSuppressTokens);
        Ids("NegativePromptIds", options.NegativePromptIds);
        if (options.NegativePromptIds is { Count: 0 }) violations.Add("NegativePromptIds is empty: it holds one token or more");
        if (options.BadWordsIds is { } words)
        {
            if (words.Count == 0) violations.Add("BadWordsIds is empty: it holds one sequence or more; null: no bad words");
            if (words.Any(word => word is null || word.Count == 0)) violations.Add("BadWordsIds holds an empty sequence: each has one token or more");
            Ids("BadWordsIds", [.. words.SelectMany(word => word ?? [])]);
        }
        if (options.SequenceBias is { } biases)
        {
            if (biases.Count == 0) violations.Add("SequenceBias is empty: it holds one sequence or more; null: no bias");
            if (biases.Any(bias => bias?.Tokens is not { Count: > 0 })) violations.Add("SequenceBias holds an empty sequence: each has one token or more");
            Ids("SequenceBias", [.. biases.SelectMany(bias => bias?.Tokens ?? [])]);
            if (biases.FirstOrDefault(bias => bias is not null && !double.IsFinite(bias.Bias)) is { } odd)
            {
                violations.Add($"SequenceBias holds the bias {Text(odd.Bias)}: it is a finite number; use BadWordsIds for what must not come");
            }
        }
        if (options.ExponentialDecayLengthPenalty is { } decay)
        {
            if (decay.Start < 0) violations.Add($"ExponentialDecayLengthPenalty starts at {decay.Start}: it is 0 or more");
            if (!(decay.Factor > 0) || !double.IsFinite(decay.Factor))
            {
                violations.Add($"ExponentialDecayLengthPenalty has the factor {Text(decay.Factor)}: it is above 0");
            }
            if (options.EosTokenId is not { Count: > 0 }) violations.Add("ExponentialDecayLengthPenalty is set, but there is no end token: set EosTokenId");
        }
        if (options.ForcedEosTokenId is { Count: > 0 } forced && options.SuppressTokens is { } suppressed && forced.All(suppressed.Contains))
        {
            violations.Add($"ForcedEosTokenId ({string.Join(", ", forced)}) is in SuppressTokens as a whole: no token could come last; take one of them out " +
                "of SuppressTokens");
        }
        if (options.ForcedBosTokenId is >= 0 and { } first && options.SuppressTokens?.Contains(first) == true)
        {
            violations.Add($"ForcedBosTokenId {first} is in SuppressTokens: no token could come first");
        }
        if (options.StopStrings is { } stops && stops.Any(string.IsNullOrEmpty))
        {
            violations.Add("StopStrings holds an empty text: each has one character or more");
        }
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
