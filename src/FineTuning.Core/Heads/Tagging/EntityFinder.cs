using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Answers a request for entities: by words, or as transformers' pipeline would.</summary>
internal abstract class EntityFinder(TokenClassifier model, EntityOptions options)
{
    private protected TokenClassifier Model { get; } = model;

    private protected EntityOptions Options { get; } = options;

    /// <exception cref="InvalidOptionsException">The options contradict each other or the model.</exception>
    public static EntityFinder Of(TokenClassifier model, EntityOptions options)
    {
        new NullMembers().Value(options.Ignored, nameof(options.Ignored)).Entries(options.Ignored, nameof(options.Ignored))
            .Value(options.Delimiter, nameof(options.Delimiter)).Require(nameof(options));
        var violations = new List<string>();
        bool words = options.Aggregation == EntityAggregation.Words;
        if (!Enum.IsDefined(options.Aggregation))
            violations.Add(HeadErrors.NotOneOf(nameof(options.Aggregation), options.Aggregation));
        if (!Enum.IsDefined(options.LongTexts)) violations.Add(HeadErrors.NotOneOf(nameof(options.LongTexts), options.LongTexts));
        if (words && options.LongTexts != LongTexts.Windows)
            violations.Add($"LongTexts is {options.LongTexts}: with Aggregation Words nothing is cut, windows are joined token by token");
        if (!words && model.HasCrf)
            violations.Add($"Aggregation is {options.Aggregation}: it reads tokens one by one, but the model's CRF scores whole sentences; ask for Words");
        if (options.Aggregation == EntityAggregation.None && options.LongTexts == LongTexts.MergeEntities)
            violations.Add("Aggregation None has no entities that windows could be merged by; ask for another, or for LongTexts Windows");
        if (options.Stride < 0 || options.Stride >= model.MaximumLength)
            violations.Add($"Stride is {options.Stride}: it is from 0 to below the window of {model.MaximumLength} tokens");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        return words ? new WordFinder(model, options) : new PipelineFinder(model, options);
    }

    public abstract IReadOnlyList<IReadOnlyList<Entity>> Texts(IReadOnlyList<string> texts, CancellationToken cancellation);

    public abstract IReadOnlyList<IReadOnlyList<Entity>> Words(IReadOnlyList<IReadOnlyList<string>> sentences, CancellationToken cancellation);

    private sealed class WordFinder(TokenClassifier model, EntityOptions options) : EntityFinder(model, options)
    {
        public override IReadOnlyList<IReadOnlyList<Entity>> Texts(IReadOnlyList<string> texts, CancellationToken cancellation) =>
            Read([.. texts.Select(Model.SentenceOf)], cancellation);

        public override IReadOnlyList<IReadOnlyList<Entity>> Words(IReadOnlyList<IReadOnlyList<string>> sentences, CancellationToken cancellation) =>
            Read([.. sentences.Select(words => Model.SentenceOf(words, Options.Delimiter))], cancellation);

        private Entity[][] Read(EncodedSentence[] sentences, CancellationToken cancellation) =>
            [.. Model.Tag(sentences, cancellation)
                .Select(answer => answer.Entities.Where(entity => !Options.Ignored.Contains(entity.Type, StringComparer.Ordinal)).ToArray())];
    }

    private sealed class PipelineFinder(TokenClassifier model, EntityOptions options) : EntityFinder(model, options)
    {
        private readonly ReferencePipeline _pipeline = new(model.Tokenizer, model.Tags.Names);

        public override IReadOnlyList<IReadOnlyList<Entity>> Texts(IReadOnlyList<string> texts, CancellationToken cancellation) =>
            Read([.. texts.Select(text => (text, (int[]?)null, Model.Tokenizer.Encode(text, null, Tokenizing())))], cancellation);

        public override IReadOnlyList<IReadOnlyList<Entity>> Words(IReadOnlyList<IReadOnlyList<string>> sentences, CancellationToken cancellation) => Read(
            [
                .. sentences.Select(words =>
                {
                    var starts = new int[words.Count];
                    for (int i = 1; i < starts.Length; i++) starts[i] = starts[i - 1] + words[i - 1].Length + Options.Delimiter.Length;
                    return (string.Join(Options.Delimiter, words), (int[]?)starts, Model.Tokenizer.EncodeWords(words, null, Tokenizing()));
                }),
            ],
            cancellation);

        private TokenizingOptions? Tokenizing() => Options.LongTexts == LongTexts.Windows ? null : new()
        {
            MaximumLength = Model.MaximumLength,
            Truncation = TruncationStrategy.LongestFirst,
            Stride = Options.LongTexts == LongTexts.MergeEntities ? Options.Stride : 0,
            KeepOverflow = Options.LongTexts == LongTexts.MergeEntities,
        };

        private List<Entity>[] Read((string Text, int[]? WordStarts, TokenizedText Tokens)[] inputs, CancellationToken cancellation)
        {
            // Every window of the tokenizer's is a sentence of its own whose tokens are all read; a text that is not cut is split by the model.
            TaggingEncoder encoder = Model.Sentences(0, LabeledTokens.All, null);
            (int Input, TokenizedText Tokens, EncodedSentence Sentence)[] windows =
                [.. inputs.SelectMany((input, i) => new[] { input.Tokens }.Concat(input.Tokens.Overflow)
                    .Select(tokens => (i, tokens, encoder.Tokens(tokens, input.Text))))];
            float[][] scores = Model.Scores([.. windows.Select(window => window.Sentence)], cancellation);
            var found = new List<Entity>[inputs.Length];
            foreach (IGrouping<int, int> group in Enumerable.Range(0, windows.Length).GroupBy(i => windows[i].Input))
            {
                (string text, int[]? starts, TokenizedText first) = inputs[group.Key];
                var entities = group.SelectMany(i => _pipeline.Read(text, windows[i].Tokens, Rows(windows[i].Tokens, scores[i]), Options, starts)).ToList();
                found[group.Key] = first.Overflow.Count > 0 ? ReferencePipeline.Merge(entities) : entities;
            }
            return found;
        }

        /// <summary>The outputs of a token by its position: units are the tokens that are not special, in order.</summary>
        private Func<int, float[]?> Rows(TokenizedText tokens, float[] scores)
        {
            int count = Model.Tags.Count, unit = 0;
            int[] units = [.. tokens.Special.Select(special => special ? -1 : unit++)];
            return position => units[position] < 0 ? null : scores[(units[position] * count)..((units[position] + 1) * count)];
        }
    }
}
