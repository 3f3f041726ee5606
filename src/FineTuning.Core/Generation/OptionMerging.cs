namespace FineTuning.Generation;

/// <summary>Lays a caller's options over those of the checkpoint.</summary>
internal static class OptionMerging
{
    /// <summary>Each value of the caller's, else the checkpoint's.</summary>
    public static GenerationOptions Over(this GenerationOptions own, GenerationOptions file) => own with
    {
        // A length of the caller's in either form goes before both forms of the file.
        MaxNewTokens = own.MaxNewTokens ?? (own.MaxLength is null ? file.MaxNewTokens : null),
        MaxLength = own.MaxLength ?? (own.MaxNewTokens is null ? file.MaxLength : null),
        MinNewTokens = own.MinNewTokens ?? (own.MinLength is null ? file.MinNewTokens : null),
        MinLength = own.MinLength ?? (own.MinNewTokens is null ? file.MinLength : null),
        DoSample = own.DoSample ?? file.DoSample,
        NumBeams = own.NumBeams ?? file.NumBeams,
        NumReturnSequences = own.NumReturnSequences ?? file.NumReturnSequences,
        LengthPenalty = own.LengthPenalty ?? file.LengthPenalty,
        EarlyStopping = own.EarlyStopping ?? file.EarlyStopping,
        UseCache = own.UseCache ?? file.UseCache,
        Temperature = own.Temperature ?? file.Temperature,
        TopK = own.TopK ?? file.TopK,
        TopP = own.TopP ?? file.TopP,
        MinP = own.MinP ?? file.MinP,
        TypicalP = own.TypicalP ?? file.TypicalP,
        EpsilonCutoff = own.EpsilonCutoff ?? file.EpsilonCutoff,
        EtaCutoff = own.EtaCutoff ?? file.EtaCutoff,
        TopH = own.TopH ?? file.TopH,
        RepetitionPenalty = own.RepetitionPenalty ?? file.RepetitionPenalty,
        EncoderRepetitionPenalty = own.EncoderRepetitionPenalty ?? file.EncoderRepetitionPenalty,
        NoRepeatNgramSize = own.NoRepeatNgramSize ?? file.NoRepeatNgramSize,
        EncoderNoRepeatNgramSize = own.EncoderNoRepeatNgramSize ?? file.EncoderNoRepeatNgramSize,
        BadWordsIds = own.BadWordsIds ?? file.BadWordsIds,
        SequenceBias = own.SequenceBias ?? file.SequenceBias,
        ForcedBosTokenId = own.ForcedBosTokenId ?? file.ForcedBosTokenId,
        ForcedEosTokenId = own.ForcedEosTokenId ?? file.ForcedEosTokenId,
        SuppressTokens = own.SuppressTokens ?? file.SuppressTokens,
        BeginSuppressTokens = own.BeginSuppressTokens ?? file.BeginSuppressTokens,
        ExponentialDecayLengthPenalty = own.ExponentialDecayLengthPenalty ?? file.ExponentialDecayLengthPenalty,
        GuidanceScale = own.GuidanceScale ?? file.GuidanceScale,
        NegativePromptIds = own.NegativePromptIds ?? file.NegativePromptIds,
        RemoveInvalidValues = own.RemoveInvalidValues ?? file.RemoveInvalidValues,
        RenormalizeLogits = own.RenormalizeLogits ?? file.RenormalizeLogits,
        PadTokenId = own.PadTokenId ?? file.PadTokenId,
        BosTokenId = own.BosTokenId ?? file.BosTokenId,
        EosTokenId = own.EosTokenId ?? file.EosTokenId,
        DecoderStartTokenId = own.DecoderStartTokenId ?? file.DecoderStartTokenId,
        DecoderPrefix = own.DecoderPrefix ?? file.DecoderPrefix,
        StopStrings = own.StopStrings ?? file.StopStrings,
        Seed = own.Seed ?? file.Seed,
        PrefixAllowedTokens = own.PrefixAllowedTokens ?? file.PrefixAllowedTokens,
    };
}
