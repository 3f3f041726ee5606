using System.Text.Json;
using FineTuning.Generation;

namespace FineTuning.Tests.Generation;

/// <summary>Our rules for the reference's processors and their arguments.</summary>
internal static class GoldenProcessors
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["SequenceBiasLogitsProcessor"] = nameof(BiasProcessor), ["NoBadWordsLogitsProcessor"] = nameof(BiasProcessor),
        ["EncoderRepetitionPenaltyLogitsProcessor"] = nameof(RepetitionProcessor), ["RepetitionPenaltyLogitsProcessor"] = nameof(RepetitionProcessor),
        ["NoRepeatNGramLogitsProcessor"] = nameof(NgramProcessor), ["EncoderNoRepeatNGramLogitsProcessor"] = nameof(NgramProcessor),
        ["MinLengthLogitsProcessor"] = nameof(MinimumLengthProcessor), ["MinNewTokensLengthLogitsProcessor"] = nameof(MinimumLengthProcessor),
        ["PrefixConstrainedLogitsProcessor"] = nameof(AllowedTokensProcessor), ["ForcedBOSTokenLogitsProcessor"] = nameof(ForcedTokenProcessor),
        ["ForcedEOSTokenLogitsProcessor"] = nameof(ForcedTokenProcessor), ["InfNanRemoveLogitsProcessor"] = nameof(InvalidValueProcessor),
        ["ExponentialDecayLengthPenalty"] = nameof(LengthDecayProcessor), ["SuppressTokensLogitsProcessor"] = nameof(SuppressProcessor),
        ["SuppressTokensAtBeginLogitsProcessor"] = nameof(SuppressProcessor), ["TemperatureLogitsWarper"] = nameof(TemperatureProcessor),
        ["TopHLogitsWarper"] = nameof(TopHFilter), ["TopKLogitsWarper"] = nameof(TopKFilter), ["TopPLogitsWarper"] = nameof(TopPFilter), ["MinPLogitsWarper"] = nameof(MinPFilter),
        ["TypicalLogitsWarper"] = nameof(TypicalFilter), ["EpsilonLogitsWarper"] = nameof(CutoffFilter), ["EtaLogitsWarper"] = nameof(CutoffFilter),
        ["LogitNormalization"] = nameof(NormalizingProcessor),
    };

    /// <summary>The order of our rules; the two for least lengths are one of ours.</summary>
    public static string[] Order(JsonElement order)
    {
        string[] theirs = [.. order.EnumerateArray().Select(name => name.GetString()!)];
        return [.. theirs.Where((name, i) => !(i > 0 && Names[name] == nameof(MinimumLengthProcessor) && Names[theirs[i - 1]] == nameof(MinimumLengthProcessor))).Select(name => Names[name])];
    }

    public static ProcessorChain Of(JsonElement test, int size)
    {
        JsonElement args = test.GetProperty("args");
        if (test.GetProperty("processor").GetString() == "chain") return Chain(test, args, size);
        if (test.TryGetProperty("allowed_by_batch_item", out JsonElement lists))
        {
            int[][] allowed = GenerationGoldens.Rows(lists);
            return new([new AllowedTokensProcessor((row, _) => allowed[row], size)]);
        }
        var scratch = new FilterScratch(size);
        double Number(string name) => args.GetProperty(name).GetDouble();
        int Whole(string name) => args.GetProperty(name).GetInt32();
        int[] Ids(string name) => args.TryGetProperty(name, out JsonElement value) ? value.ValueKind == JsonValueKind.Array ? GenerationGoldens.Ids(value) : [value.GetInt32()] : [];
        int least = args.TryGetProperty("min_tokens_to_keep", out JsonElement kept) ? kept.GetInt32() : 1;
        float removed = args.TryGetProperty("filter_value", out JsonElement value) ? value.GetSingle() : float.NegativeInfinity;
        JsonElement decay = args.TryGetProperty("exponential_decay_length_penalty", out JsonElement pair) ? pair : default;
        return new([test.GetProperty("processor").GetString() switch
        {
            "temperature" => new TemperatureProcessor(Number("temperature")),
            "top_k" => new TopKFilter(Whole("top_k"), scratch, least, removed),
            "top_p" => new TopPFilter(Number("top_p"), scratch, least, removed),
            "min_p" => new MinPFilter(Number("min_p"), scratch, least, removed),
            "typical" => new TypicalFilter(Number("mass"), scratch, least),
            "epsilon" => new CutoffFilter(Number("epsilon"), adapts: false, scratch, least),
            "eta" => new CutoffFilter(Number("epsilon"), adapts: true, scratch, least),
            "top_h" => new TopHFilter(Number("top_h"), scratch),
            "repetition_penalty" => new RepetitionProcessor(Number("penalty"), ofSource: false, size),
            "encoder_repetition_penalty" => new RepetitionProcessor(Number("penalty"), ofSource: true, size),
            "no_repeat_ngram" => new NgramProcessor(Whole("ngram_size"), ofSource: false),
            "encoder_no_repeat_ngram" => new NgramProcessor(Whole("encoder_ngram_size"), ofSource: true),
            "sequence_bias" => new BiasProcessor(args.GetProperty("sequence_bias").EnumerateArray().Select(bias => ((IReadOnlyList<int>)GenerationGoldens.Ids(bias[0]), bias[1].GetDouble()))),
            "bad_words" => BiasProcessor.BadWords(GenerationGoldens.Rows(args.GetProperty("bad_words_ids")), Ids("eos_token_id")),
            "min_length" => new MinimumLengthProcessor(Whole("min_length"), Ids("eos_token_id")),
            "min_new_tokens" => new MinimumLengthProcessor(Whole("prompt_length_to_skip") + Whole("min_new_tokens"), Ids("eos_token_id")),
            "forced_bos" => new ForcedTokenProcessor(1, Ids("bos_token_id")),
            "forced_eos" => new ForcedTokenProcessor(Whole("max_length") - 1, Ids("eos_token_id")),
            "exponential_decay" => new LengthDecayProcessor(Whole("input_ids_seq_length") + decay[0].GetInt32(), decay[1].GetDouble(), Ids("eos_token_id")),
            "suppress" => new SuppressProcessor(Ids("suppress_tokens")),
            "begin_suppress" => new SuppressProcessor(Ids("begin_suppress_tokens"), Whole("begin_index")),
            "remove_invalid_values" => new InvalidValueProcessor(),
            "renormalize" => new NormalizingProcessor(),
            var other => throw new InvalidOperationException($"no rule of ours answers to '{other}'"),
        }]);
    }

    private static ProcessorChain Chain(JsonElement test, JsonElement args, int size)
    {
        GenerationOptions options = GenerationGoldens.Options(null, args);
        if (!args.TryGetProperty("eos_token_id", out _)) options = options with { EosTokenId = [2] };
        return ProcessorChain.Of(GenerationSettings.Of(options, new(test.GetProperty("prompt_length").GetInt32(), size)));
    }
}
