namespace FineTuning.Generation;

/// <summary>The rules that options ask for, in the order of the reference.</summary>
/// <remarks>It keeps scratch memory: for one generation on one thread.</remarks>
internal sealed class ProcessorChain(IReadOnlyList<ILogitsProcessor> processors)
{
    private readonly ILogitsProcessor[] _processors = [.. processors];

    public IReadOnlyList<ILogitsProcessor> Processors => _processors;

    public static ProcessorChain Of(GenerationSettings settings)
    {
        GenerationOptions options = settings.Options;
        int prompt = settings.Bounds.PromptLength, size = settings.Bounds.VocabularySize;
        int[] ends = settings.EndTokens;
        var chain = new List<ILogitsProcessor>();
        if (options.SequenceBias is { } biases) chain.Add(new BiasProcessor(biases.Select(bias => (bias.Tokens, bias.Bias))));
        if (options.EncoderRepetitionPenalty is { } source && source != 1) chain.Add(new RepetitionProcessor(source, ofSource: true, size));
        if (options.RepetitionPenalty is { } repetition && repetition != 1) chain.Add(new RepetitionProcessor(repetition, ofSource: false, size));
        if (options.NoRepeatNgramSize is > 0 and { } ngram) chain.Add(new NgramProcessor(ngram, ofSource: false));
        if (options.EncoderNoRepeatNgramSize is > 0 and { } sourceNgram) chain.Add(new NgramProcessor(sourceNgram, ofSource: true));
        if (options.BadWordsIds is { } words) chain.Add(BiasProcessor.BadWords(words, ends));
        if (settings.MinimumLength > 0 && ends.Length > 0) chain.Add(new MinimumLengthProcessor(settings.MinimumLength, ends));
        if (options.PrefixAllowedTokens is { } allowed) chain.Add(new AllowedTokensProcessor(allowed, size));
        if (options.ForcedBosTokenId is >= 0 and { } first) chain.Add(new ForcedTokenProcessor(1, [first]));
        if (options.ForcedEosTokenId is { Count: > 0 } last) chain.Add(new ForcedTokenProcessor(settings.MaximumLength - 1, [.. last]));
        if (options.RemoveInvalidValues == true) chain.Add(new InvalidValueProcessor());
        if (options.ExponentialDecayLengthPenalty is { } decay) chain.Add(new LengthDecayProcessor(prompt + decay.Start, decay.Factor, ends));
        if (options.SuppressTokens is { Count: > 0 } suppressed) chain.Add(new SuppressProcessor(suppressed));
        if (options.BeginSuppressTokens is { Count: > 0 } begin)
        {
            chain.Add(new SuppressProcessor(begin, prompt == 1 && options.ForcedBosTokenId is >= 0 ? 2 : prompt));
        }
        if (settings.Samples) AddFilters(chain, options, size, settings.Beams == 1 ? 1 : Math.Max(2, ends.Length + 1));
        if (options.RenormalizeLogits == true) chain.Add(new NormalizingProcessor());
        return new(chain);
    }

    public void Apply(in ItemScores item)
    {
        foreach (ILogitsProcessor processor in _processors) processor.Apply(item);
    }

    private static void AddFilters(List<ILogitsProcessor> chain, GenerationOptions options, int size, int least)
    {
        var scratch = new FilterScratch(size);
        if (options.Temperature is { } temperature && temperature != 1) chain.Add(new TemperatureProcessor(temperature));
        if (options.TopH is { } h) chain.Add(new TopHFilter(h, scratch));
        if ((options.TopK ?? 50) is > 0 and var k) chain.Add(new TopKFilter(k, scratch, least));
        if (options.TopP is < 1 and { } p) chain.Add(new TopPFilter(p, scratch, least));
        if (options.MinP is > 0 and { } part) chain.Add(new MinPFilter(part, scratch, least));
        if (options.TypicalP is < 1 and { } mass) chain.Add(new TypicalFilter(mass, scratch, least));
        if (options.EpsilonCutoff is > 0 and { } epsilon) chain.Add(new CutoffFilter(epsilon, adapts: false, scratch, least));
        if (options.EtaCutoff is > 0 and { } eta) chain.Add(new CutoffFilter(eta, adapts: true, scratch, least));
    }
}
