using FineTuning.Errors;

namespace FineTuning.Generation;

/// <summary>What the model and the prompts say about how long a text may become, and which tokens there are.</summary>
/// <param name="PromptLength">Tokens that the decoder is given, padding included.</param>
/// <param name="VocabularySize">Scores a step.</param>
/// <param name="Positions">Positions that config.json names; null: none.</param>
/// <param name="HasLearnedPositions">Whether there is no text beyond them: their embeddings are a table.</param>
/// <param name="IsEncoderDecoder">Whether prompts go to an encoder.</param>
/// <param name="HasTokenizer">Whether stop strings can be looked for.</param>
internal sealed record GenerationBounds(
    int PromptLength, int VocabularySize, int? Positions = null, bool HasLearnedPositions = false, bool IsEncoderDecoder = false, bool HasTokenizer = false);

/// <summary>Options for one call: no value is missing, all are valid, lengths are counted in all.</summary>
internal sealed class GenerationSettings
{
    private const int NewTokensByDefault = 20;

    private GenerationSettings(GenerationOptions options, GenerationBounds bounds, int maximumLength)
    {
        (Options, Bounds, MaximumLength) = (options, bounds, maximumLength);
        EndTokens = [.. options.EosTokenId ?? []];
        PadToken = options.PadTokenId is >= 0 and { } pad ? pad : EndTokens.Length > 0 ? EndTokens[0] : null;
        long least = options.MinNewTokens is { } added ? (long)bounds.PromptLength + added : options.MinLength ?? 0;
        MinimumLength = (int)Math.Min(least, Array.MaxLength);
    }

    public GenerationOptions Options { get; }

    public GenerationBounds Bounds { get; }

    /// <summary>The most tokens, the prompt included.</summary>
    public int MaximumLength { get; }

    /// <summary>No end token comes before so many tokens, the prompt included.</summary>
    public int MinimumLength { get; }

    public int[] EndTokens { get; }

    /// <summary>What stands behind a text that has ended: the padding token, else the first end token.</summary>
    public int? PadToken { get; }

    public int Beams => Options.NumBeams ?? 1;

    public int Returned => Options.NumReturnSequences ?? 1;

    public bool Samples => Options.DoSample ?? false;

    public double LengthPenalty => Options.LengthPenalty ?? 1;

    public EarlyStopping EarlyStopping => Options.EarlyStopping ?? EarlyStopping.WhenUnlikely;

    public long Seed => Options.Seed ?? 42;

    public bool Guides => Options.GuidanceScale is { } scale && scale != 1;

    public IReadOnlyList<string> StopStrings => Options.StopStrings ?? [];

    /// <summary>Options that are set and change nothing: one sentence each.</summary>
    public IReadOnlyList<string> Ignored { get; private set; } = [];

    /// <exception cref="InvalidOptionsException">Something is out of range or contradicts something else: all of it at once.</exception>
    public static GenerationSettings Of(GenerationOptions options, GenerationBounds bounds)
    {
        ArgumentNullException.ThrowIfNull(options);
        var violations = new List<string>();
        OptionChecks.Collect(options, violations);
        int maximum = MaximumOf(options, bounds, violations);
        CollectForModel(options, bounds, violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        var settings = new GenerationSettings(options, bounds, maximum);
        settings.Ignored = settings.CollectIgnored();
        return settings;
    }

    private static int MaximumOf(GenerationOptions options, GenerationBounds bounds, List<string> violations)
    {
        int prompt = bounds.PromptLength;
        string given = !bounds.IsEncoderDecoder ? "the prompt"
            : prompt > 1 ? "the answer's beginning (DecoderPrefix, behind the start token)" : "the start token";
        if (bounds.HasLearnedPositions && prompt > bounds.Positions)
        {
            violations.Add($"{given} has {prompt} tokens, but the model has {bounds.Positions} positions: shorten it");
            return prompt + 1;
        }
        if (options.MaxNewTokens is null && options.MaxLength is { } length && length <= prompt)
        {
            violations.Add($"MaxLength is {length}, but {given} alone has {prompt} tokens: set MaxNewTokens, or MaxLength to {prompt + 1} or more");
            return prompt + 1;
        }
        long maximum = options.MaxNewTokens is { } added ? (long)prompt + added
            : options.MaxLength ?? Math.Min((long)prompt + NewTokensByDefault, bounds.Positions ?? int.MaxValue);
        if (maximum <= prompt && options.MaxNewTokens is null)
        {
            violations.Add($"{given} has {prompt} tokens, and the model's {bounds.Positions} positions leave none for new ones: shorten it, or set " +
                "MaxNewTokens");
        }
        // The last token is never fed: it needs no position.
        if (bounds.HasLearnedPositions && maximum - 1 > bounds.Positions)
        {
            violations.Add($"{given} has {prompt} tokens and the text may grow to {maximum}, but the model has {bounds.Positions} positions: " +
                $"MaxNewTokens is at most {bounds.Positions - prompt + 1} here");
        }
        if (maximum > Array.MaxLength) violations.Add($"the text may grow to {maximum} tokens: at most {Array.MaxLength} are possible");
        return (int)Math.Min(maximum, Array.MaxLength);
    }

    private static void CollectForModel(GenerationOptions options, GenerationBounds bounds, List<string> violations)
    {
        int size = bounds.VocabularySize;
        void Known(string name, IEnumerable<int>? ids)
        {
            int[] beyond = [.. (ids ?? []).Where(id => id >= size).Distinct().Take(10)];
            if (beyond.Length > 0) violations.Add($"{name} holds {string.Join(", ", beyond)}: the model's vocabulary has {size} tokens, from 0");
        }
        Known("BadWordsIds", options.BadWordsIds?.SelectMany(word => word ?? []));
        Known("SequenceBias", options.SequenceBias?.SelectMany(bias => bias?.Tokens ?? []));
        Known("ForcedEosTokenId", options.ForcedEosTokenId);
        Known("ForcedBosTokenId", options.ForcedBosTokenId is { } first ? [first] : null);
        Known("NegativePromptIds", options.NegativePromptIds);
        if (options.StopStrings is { Count: > 0 } && !bounds.HasTokenizer)
        {
            violations.Add("StopStrings are set, but there is no tokenizer to read the text with: load the model from a folder that has one");
        }
        if (options.DecoderPrefix is { Length: > 0 } && !bounds.IsEncoderDecoder)
        {
            violations.Add("DecoderPrefix is set: a model without an encoder goes on from its prompt; end the prompt with the beginning of the answer");
        }
        if (options.GuidanceScale is { } scale && scale != 1 && bounds.IsEncoderDecoder)
        {
            violations.Add("GuidanceScale is set: guidance needs a prompt in the decoder, and this model reads it with an encoder");
        }
    }

    private List<string> CollectIgnored()
    {
        GenerationOptions options = Options;
        var ignored = new List<string>();
        void Note(bool isSet, string name, string reason)
        {
            if (isSet) ignored.Add($"{name} is set and changes nothing: {reason}");
        }
        if (options.DoSample != true)
        {
            const string reason = "DoSample is off";
            Note(options.Temperature is { } temperature && temperature != 1, "Temperature", reason);
            Note(options.TopK is { } k && k is not (0 or 50), "TopK", reason);
            Note(options.TopP < 1, "TopP", reason);
            Note(options.MinP > 0, "MinP", reason);
            Note(options.TypicalP < 1, "TypicalP", reason);
            Note(options.EpsilonCutoff > 0, "EpsilonCutoff", reason);
            Note(options.EtaCutoff > 0, "EtaCutoff", reason);
            Note(options.TopH is not null, "TopH", reason);
        }
        if ((options.NumBeams ?? 1) == 1)
        {
            Note(options.LengthPenalty is { } penalty && penalty != 1, "LengthPenalty", "NumBeams is 1");
            Note(options.EarlyStopping is not (null or EarlyStopping.WhenUnlikely), "EarlyStopping", "NumBeams is 1");
        }
        Note(options.MaxNewTokens is not null && options.MaxLength is not null, "MaxLength", "MaxNewTokens goes before it");
        Note(options.MinNewTokens is not null && options.MinLength > 0, "MinLength", "MinNewTokens goes before it");
        Note(options.NegativePromptIds is not null && options.GuidanceScale is null or 1, "NegativePromptIds", "GuidanceScale is 1");
        Note(EndTokens.Length > 0 && MinimumLength > MaximumLength, "the end token", $"texts have {MinimumLength} tokens or more, and end at {MaximumLength}");
        Note(EndTokens.Length == 0 && MinimumLength > 0, "the minimum length", "there is no end token");
        IEnumerable<int> suppressed = (options.SuppressTokens ?? []).Concat(options.BeginSuppressTokens ?? []);
        foreach (int id in suppressed.Where(id => id >= Bounds.VocabularySize).Distinct().Take(10))
        {
            ignored.Add($"token {id} is suppressed, but the model's vocabulary has {Bounds.VocabularySize} tokens");
        }
        return ignored;
    }
}
