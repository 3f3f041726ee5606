namespace FineTuning.Generation;

/// <summary>How text is generated. The names are those of Hugging Face's <c>GenerationConfig</c>.</summary>
/// <remarks>
/// A value that is null is the one of the checkpoint's generation_config.json, else the default that is documented here. Where the file sets an id and none is
/// wanted, say -1, or an empty list. Immutable and thread-safe, as long as the lists and the delegate are.
/// </remarks>
public sealed record GenerationOptions
{
    /// <summary>The most new tokens, the end token included. Default: what <see cref="MaxLength"/> leaves, else 20.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>
    /// The most tokens in all: the prompt of a decoder and its padding, or the start token and the prefix of an encoder-decoder, count.
    /// <see cref="MaxNewTokens"/> goes before it.
    /// </summary>
    public int? MaxLength { get; init; }

    /// <summary>No end token comes before so many new tokens. Default 0.</summary>
    public int? MinNewTokens { get; init; }

    /// <summary>
    /// No end token comes before so many tokens in all, counted as in <see cref="MaxLength"/>. <see cref="MinNewTokens"/> goes before it. Default 0.
    /// </summary>
    public int? MinLength { get; init; }

    /// <summary>Whether tokens are drawn from the distribution; false: the most probable are taken. Default false.</summary>
    public bool? DoSample { get; init; }

    /// <summary>How many texts a beam search follows at once; 1: no beam search. Default 1.</summary>
    public int? NumBeams { get; init; }

    /// <summary>How many texts are returned for each prompt; at most <see cref="NumBeams"/>, unless tokens are drawn. Default 1.</summary>
    public int? NumReturnSequences { get; init; }

    /// <summary>Beam search divides the log-probability of a text by its length to this power: larger values favour longer texts. Default 1.</summary>
    public double? LengthPenalty { get; init; }

    /// <summary>When a beam search is over. Default <see cref="EarlyStopping.WhenUnlikely"/>.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary>Whether keys and values of earlier tokens are kept. Default true; without them the same comes out, slowly.</summary>
    public bool? UseCache { get; init; }

    /// <summary>Scores are divided by it before drawing: above 0; below 1 sharper, above 1 flatter. Default 1.</summary>
    public double? Temperature { get; init; }

    /// <summary>Only so many of the most probable tokens are drawn from; those that tie with the last stay too; 0: all. Default 50.</summary>
    public int? TopK { get; init; }

    /// <summary>
    /// Only the most probable tokens that together have this probability are drawn from, 0 to 1 (nucleus; Holtzman et al. 2020). Default 1: all.
    /// </summary>
    public double? TopP { get; init; }

    /// <summary>Only tokens with at least this part of the highest probability are drawn from, 0 to 1 (Nguyen et al. 2024). Default 0: all.</summary>
    public double? MinP { get; init; }

    /// <summary>
    /// Only the tokens whose information is nearest to the entropy, with this probability together, above 0 to 1 (Meister et al. 2022). Default 1: all.
    /// </summary>
    public double? TypicalP { get; init; }

    /// <summary>Only tokens of at least this probability are drawn from, 0 to below 1 (Hewitt et al. 2022). Default 0: all.</summary>
    public double? EpsilonCutoff { get; init; }

    /// <summary>The same with min(eta, sqrt(eta) exp(-entropy)), 0 to below 1 (Hewitt et al. 2022). Default 0: all.</summary>
    public double? EtaCutoff { get; init; }

    /// <summary>
    /// The most probable tokens that together have this part of the entropy of the 100 best, above 0 to 1 (Potraghloo et al. 2025). Default: all.
    /// </summary>
    public double? TopH { get; init; }

    /// <summary>Tokens that occurred become less probable above 1, more probable below 1 (Keskar et al. 2019). Above 0. Default 1.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Tokens of the encoder's input (of a decoder's prompt) become more probable above 1, less below 1. Above 0. Default 1.</summary>
    public double? EncoderRepetitionPenalty { get; init; }

    /// <summary>No sequence of so many tokens occurs twice; 0: no such rule. Default 0.</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>No sequence of so many tokens of the encoder's input (of a decoder's prompt) occurs; 0: no such rule. Default 0.</summary>
    public int? EncoderNoRepeatNgramSize { get; init; }

    /// <summary>Sequences of tokens that must not occur. Default: none.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? BadWordsIds { get; init; }

    /// <summary>What is added to the score of the last token of a sequence where the others stand before it. Default: nothing.</summary>
    public IReadOnlyList<SequenceBias>? SequenceBias { get; init; }

    /// <summary>The first token, where the text so far is one token long; -1: none. Default: none.</summary>
    public int? ForcedBosTokenId { get; init; }

    /// <summary>One of these is the last token where the text grows as long as it may. Default: none.</summary>
    public IReadOnlyList<int>? ForcedEosTokenId { get; init; }

    /// <summary>Tokens that never come. Default: none.</summary>
    public IReadOnlyList<int>? SuppressTokens { get; init; }

    /// <summary>Tokens that do not come first. Default: none.</summary>
    public IReadOnlyList<int>? BeginSuppressTokens { get; init; }

    /// <summary>From some length on the end tokens become ever more probable. Default: no.</summary>
    public LengthDecay? ExponentialDecayLengthPenalty { get; init; }

    /// <summary>
    /// How far scores are moved away from those after <see cref="NegativePromptIds"/> (Sanchez et al. 2023): u + g (a - u). Default 1: not at all. Decoders
    /// only.
    /// </summary>
    public double? GuidanceScale { get; init; }

    /// <summary>The prompt that guidance moves away from, in tokens. Default: the last token of the prompt. It is not saved.</summary>
    public IReadOnlyList<int>? NegativePromptIds { get; init; }

    /// <summary>Whether scores that are no numbers are replaced instead of being an error. Default false.</summary>
    public bool? RemoveInvalidValues { get; init; }

    /// <summary>Whether scores are normalized after all rules, so that what is returned are log-probabilities. Default false.</summary>
    public bool? RenormalizeLogits { get; init; }

    /// <summary>The padding token; -1: none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>The token that a decoder begins with where there is no prompt; -1: none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The tokens that end a text; empty: none.</summary>
    public IReadOnlyList<int>? EosTokenId { get; init; }

    /// <summary>The token that the decoder of an encoder-decoder begins with. Default: the model's own, else <see cref="BosTokenId"/>.</summary>
    public int? DecoderStartTokenId { get; init; }

    /// <summary>
    /// What the answer of an encoder-decoder begins with, as text: the beginning of a summary that is to go on, or a token that names a language. It is
    /// tokenized as a target is in training, without the end token, stands behind <see cref="DecoderStartTokenId"/>, and is part of the answer: of its text,
    /// its tokens, and the first piece of a stream. <see cref="MaxNewTokens"/> counts what is new, <see cref="MaxLength"/> all. It is one for all texts of a
    /// call. Hugging Face takes it as tokens (<c>decoder_input_ids</c>). Default: nothing. It is not saved.
    /// </summary>
    public string? DecoderPrefix { get; init; }

    /// <summary>A text ends with the token in which one of these ends; that token stays whole. The end of the prompt counts as text. Default: none.</summary>
    public IReadOnlyList<string>? StopStrings { get; init; }

    /// <summary>What draws depend on, with the row and the number of the token: the same seed gives the same text. Default 42. It is not saved.</summary>
    public long? Seed { get; init; }

    /// <summary>Says which tokens may come next. Default: all. It is not saved.</summary>
    public AllowedTokens? PrefixAllowedTokens { get; init; }
}
