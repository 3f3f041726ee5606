using System.Text.Json.Nodes;

namespace FineTuning.Generation;

/// <summary>Puts options into the JSON of generation_config.json: what is set is written, what is not is taken out.</summary>
internal static class GenerationConfigWriter
{
    public static void Apply(GenerationOptions options, JsonObject root)
    {
        void Put(string key, JsonNode? value)
        {
            if (value is null) root.Remove(key);
            else root[key] = value;
        }
        Put("max_new_tokens", options.MaxNewTokens);
        Put("max_length", options.MaxLength);
        Put("min_new_tokens", options.MinNewTokens);
        Put("min_length", options.MinLength);
        Put("do_sample", options.DoSample);
        Put("num_beams", options.NumBeams);
        Put("num_return_sequences", options.NumReturnSequences);
        Put("length_penalty", options.LengthPenalty);
        Put("early_stopping", options.EarlyStopping switch { null => null, EarlyStopping.Never => "never", { } stopping => stopping == EarlyStopping.AtOnce });
        Put("use_cache", options.UseCache);
        Put("temperature", options.Temperature);
        Put("top_k", options.TopK);
        Put("top_p", options.TopP);
        Put("min_p", options.MinP);
        Put("typical_p", options.TypicalP);
        Put("epsilon_cutoff", options.EpsilonCutoff);
        Put("eta_cutoff", options.EtaCutoff);
        Put("top_h", options.TopH);
        Put("repetition_penalty", options.RepetitionPenalty);
        Put("encoder_repetition_penalty", options.EncoderRepetitionPenalty);
        Put("no_repeat_ngram_size", options.NoRepeatNgramSize);
        Put("encoder_no_repeat_ngram_size", options.EncoderNoRepeatNgramSize);
        Put("bad_words_ids", options.BadWordsIds is { } words ? new JsonArray([.. words.Select(Ids)]) : null);
        Put("sequence_bias", options.SequenceBias is { } biases ? new JsonArray([.. biases.Select(bias => new JsonArray(Ids(bias.Tokens), bias.Bias))]) : null);
        Put("forced_bos_token_id", Id(options.ForcedBosTokenId));
        Put("forced_eos_token_id", OneOrMore(options.ForcedEosTokenId));
        Put("suppress_tokens", options.SuppressTokens is { Count: > 0 } suppressed ? Ids(suppressed) : null);
        Put("begin_suppress_tokens", options.BeginSuppressTokens is { Count: > 0 } first ? Ids(first) : null);
        Put("exponential_decay_length_penalty", options.ExponentialDecayLengthPenalty is { } decay ? new JsonArray(decay.Start, decay.Factor) : null);
        Put("guidance_scale", options.GuidanceScale);
        Put("remove_invalid_values", options.RemoveInvalidValues);
        Put("renormalize_logits", options.RenormalizeLogits);
        Put("pad_token_id", Id(options.PadTokenId));
        Put("bos_token_id", Id(options.BosTokenId));
        Put("eos_token_id", OneOrMore(options.EosTokenId));
        Put("decoder_start_token_id", Id(options.DecoderStartTokenId));
        Put("stop_strings", options.StopStrings is { Count: > 0 } stops ? new JsonArray([.. stops.Select(stop => (JsonNode?)stop)]) : null);
    }

    // None is written by leaving the key out: the reference has no other word for it.
    private static JsonNode? Id(int? id) => id is >= 0 ? id : null;

    private static JsonNode? OneOrMore(IReadOnlyList<int>? ids) => ids switch { null or { Count: 0 } => null, { Count: 1 } => ids[0], _ => Ids(ids) };

    private static JsonArray Ids(IReadOnlyList<int> ids) => new([.. ids.Select(id => (JsonNode?)id)]);
}
