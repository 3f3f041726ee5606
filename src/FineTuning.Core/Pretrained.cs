using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tensors;
using FineTuning.Text;

namespace FineTuning;

/// <summary>Loads a checkpoint folder as Hugging Face publishes it for a task: the trunk, its tokenizer and a head.</summary>
/// <remarks>
/// A head that the checkpoint does not have is drawn fresh from the options' seed, and <c>model.Head.LoadReport</c> says so; everything else must be in
/// the files. Nothing in a folder is executed. Whoever loads a model disposes it. Thread-safe.
/// </remarks>
public static class Pretrained
{
    /// <summary>One label for a text or a pair of texts.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">Labels, maximal length, class weights and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the labels are not known.</exception>
    public static TextClassifier<TLabel> TextClassifier<TLabel>(string folder, TextClassifierOptions<TLabel>? options = null)
        where TLabel : notnull => Read(folder, backbone => Heads.TextClassifier<TLabel>.Load(backbone, options));

    /// <summary>Any number of labels for a text or a pair of texts.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">Labels, threshold and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the labels are not known.</exception>
    public static TextMultiLabeler<TLabel> TextMultiLabeler<TLabel>(string folder, TextMultiLabelerOptions<TLabel>? options = null)
        where TLabel : notnull => Read(folder, backbone => Heads.TextMultiLabeler<TLabel>.Load(backbone, options));

    /// <summary>A number for a text or a pair of texts.</summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static TextRegressor TextRegressor(string folder, TextOptions? options = null) =>
        Read(folder, backbone => Heads.TextRegressor.Load(backbone, options));

    /// <summary>What could stand in the place of a mask: to train on plain texts of a domain before a task, or to fill masks.</summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">What is masked, how texts are packed and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind,
    /// or the tokenizer has no mask token.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static MaskedLanguageModel MaskedLanguageModel(string folder, MaskedLanguageOptions? options = null) =>
        Read(folder, backbone => Heads.MaskedLanguageModel.Load(backbone, options));

    /// <summary>
    /// What could stand in the place of a mask, by the checkpoint's head on a trunk in memory: language modelling beside a task, for example.
    /// </summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">What is masked, how texts are packed and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">The family has no such head, or the tokenizer has no mask token.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static MaskedLanguageModel MaskedLanguageModel(Trunk trunk, MaskedLanguageOptions? options = null) =>
        Heads.MaskedLanguageModel.Load(Backbone.Of(trunk), options);

    /// <summary>One label for a text or a pair of texts, by a new head on a trunk in memory.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Labels, maximal length, class weights and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the labels are not known.</exception>
    public static TextClassifier<TLabel> TextClassifier<TLabel>(Trunk trunk, TextClassifierOptions<TLabel>? options = null)
        where TLabel : notnull => Heads.TextClassifier<TLabel>.Load(Backbone.Of(trunk), options);

    /// <summary>Any number of labels for a text or a pair of texts, by a new head on a trunk in memory.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Labels, threshold and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the labels are not known.</exception>
    public static TextMultiLabeler<TLabel> TextMultiLabeler<TLabel>(Trunk trunk, TextMultiLabelerOptions<TLabel>? options = null)
        where TLabel : notnull => Heads.TextMultiLabeler<TLabel>.Load(Backbone.Of(trunk), options);

    /// <summary>A number for a text or a pair of texts, by a new head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static TextRegressor TextRegressor(Trunk trunk, TextOptions? options = null) => Heads.TextRegressor.Load(Backbone.Of(trunk), options);

    /// <summary>A trunk with its tokenizer, on which any number of heads can be put: <c>Pretrained.TextClassifier&lt;Mood&gt;(trunk)</c>.</summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">Seed, dropout, device; null: the defaults.</param>
    /// <returns>The caller disposes it; its heads keep what they need.</returns>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    public static Trunk Trunk(string folder, ModelLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return WholeFolder.Read(folder, () =>
        {
            PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
            Trunk trunk = Models.Trunk.Load(folder, options);
            trunk.Tokenizer = tokenizer;
            return trunk;
        });
    }

    /// <summary>Labels that nobody trained for, by a checkpoint that tells whether one text follows from another (natural language inference).</summary>
    /// <param name="folder">config.json, weights and tokenizer files; one of its labels begins with "entail".</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind, or no label means entailment.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static ZeroShotClassifier ZeroShotClassifier(string folder, TextOptions? options = null) =>
        Read(folder, _ => Heads.ZeroShotClassifier.Load(folder, options));

    /// <summary>Vectors for texts: a folder of sentence-transformers (modules.json), or a plain encoder, whose vectors are then the mean over tokens.</summary>
    /// <param name="folder">modules.json and what it names, or config.json, weights and tokenizer files.</param>
    /// <param name="options">Pooling, maximal length and the rest; null: what the folder says.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static SentenceEncoder SentenceEncoder(string folder, SentenceEncoderOptions? options = null) =>
        Read(folder, backbone => Heads.SentenceEncoder.Load(backbone, options));

    /// <summary>Answers to questions, found in a text: extractive question answering.</summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="options">Windows, no answer, candidates and the rest; null: the defaults, or what the folder was saved with.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static QuestionAnswerer QuestionAnswerer(string folder, QuestionAnswererOptions? options = null) =>
        Read(folder, backbone => Heads.QuestionAnswerer.Load(backbone, options));

    /// <summary>
    /// A classifier that learns from a handful of texts of each label: a sentence encoder, with the head that was saved with it or one that <c>Train</c> fits.
    /// </summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="folder">The folder of a sentence encoder or of a plain encoder, or a few-shot classifier that was saved.</param>
    /// <param name="options">Pairs, epochs, learning rate and the rest; null: SetFit's defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the labels are not those of the saved head.</exception>
    public static FewShotClassifier<TLabel> FewShotClassifier<TLabel>(string folder, FewShotOptions<TLabel>? options = null)
        where TLabel : notnull => Read(folder, backbone => Strategies.FewShotClassifier<TLabel>.Load(backbone, options));

    /// <summary>A tag for each word, and the entities they make.</summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="types">The entity types, for example PER and LOC, from which the tags follow; null:
    /// the tags in the options, or those of the checkpoint.</param>
    /// <param name="options">Scheme, CRF, context, windows and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tags are not known.</exception>
    public static TokenClassifier TokenClassifier(string folder, IReadOnlyList<string>? types = null, TokenClassifierOptions? options = null) =>
        Read(folder, backbone => Heads.TokenClassifier.Load(backbone, types, options));

    /// <summary>A tag for each word, by a new head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="types">The entity types, for example PER and LOC, from which the tags follow; null: the tags in the options.</param>
    /// <param name="options">Scheme, CRF, context, windows and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tags are not known.</exception>
    public static TokenClassifier TokenClassifier(Trunk trunk, IReadOnlyList<string>? types = null, TokenClassifierOptions? options = null) =>
        Heads.TokenClassifier.Load(Backbone.Of(trunk), types, options);

    /// <summary>Answers to questions, found in a text, by a new head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Windows, no answer, candidates and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static QuestionAnswerer QuestionAnswerer(Trunk trunk, QuestionAnswererOptions? options = null) =>
        Heads.QuestionAnswerer.Load(Backbone.Of(trunk), options);

    /// <summary>Vectors for texts, on a trunk in memory; the mean over tokens where the options name no pooling.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Pooling, maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static SentenceEncoder SentenceEncoder(Trunk trunk, SentenceEncoderOptions? options = null) =>
        Heads.SentenceEncoder.Load(Backbone.Of(trunk), options);

    /// <summary>A classifier that learns from a handful of texts of each label, by a new head on a trunk in memory.</summary>
    /// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Pairs, epochs, learning rate and the rest; null: SetFit's defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static FewShotClassifier<TLabel> FewShotClassifier<TLabel>(Trunk trunk, FewShotOptions<TLabel>? options = null)
        where TLabel : notnull => Strategies.FewShotClassifier<TLabel>.Load(Backbone.Of(trunk), options);

    /// <summary>A decoder that goes on from a text, tuned on prompts with completions or on plain texts.</summary>
    /// <param name="folder">config.json, weights, tokenizer files and, where it has one, generation_config.json.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind, or has no language-model head.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static CausalLanguageModel CausalLanguageModel(string folder, LanguageModelOptions? options = null) =>
        Read(folder, backbone => Heads.CausalLanguageModel.Load(backbone, options));

    /// <summary>A decoder that goes on from a text, by its head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">The trunk's checkpoint has no language-model head.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static CausalLanguageModel CausalLanguageModel(Trunk trunk, LanguageModelOptions? options = null) =>
        Heads.CausalLanguageModel.Load(Backbone.Of(trunk), options);

    /// <summary>A decoder that answers in conversations, tuned on conversations.</summary>
    /// <param name="folder">config.json, weights, tokenizer files and, where it has one, generation_config.json.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind,
    /// or has no language-model head or chat template.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static ChatModel ChatModel(string folder, LanguageModelOptions? options = null) => Read(folder, backbone => Heads.ChatModel.Load(backbone, options));

    /// <summary>A decoder that answers in conversations, by its head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">The trunk's checkpoint has no language-model head or chat template.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static ChatModel ChatModel(Trunk trunk, LanguageModelOptions? options = null) => Heads.ChatModel.Load(Backbone.Of(trunk), options);

    /// <summary>One score for a prompt with a completion, learned from pairs of which one completion is better.</summary>
    /// <param name="folder">config.json, weights and tokenizer files; the head is fresh unless the folder is that of a sequence classifier with one
    /// label.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind, or its head has more than one
    /// label.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static RewardModel RewardModel(string folder, RewardModelOptions? options = null) =>
        Read(folder, backbone => Heads.RewardModel.Load(backbone, options));

    /// <summary>One score for a prompt with a completion, by a new head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range.</exception>
    public static RewardModel RewardModel(Trunk trunk, RewardModelOptions? options = null) => Heads.RewardModel.Load(Backbone.Of(trunk), options);

    /// <summary>An encoder-decoder that makes a text of a text: translations, summaries.</summary>
    /// <param name="folder">config.json, weights, tokenizer files and, where it has one, generation_config.json.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind,
    /// or has no sequence-to-sequence head.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static TextToText TextToText(string folder, TextToTextOptions? options = null) => Read(folder, backbone => Heads.TextToText.Load(backbone, options));

    /// <summary>An encoder-decoder that makes a text of a text, by its head on a trunk in memory.</summary>
    /// <param name="trunk">Shared with the heads that are on it: training one moves all. Give <c>trunk.Copy()</c> where they are to part.</param>
    /// <param name="options">Maximal length and the rest; null: the defaults.</param>
    /// <exception cref="Errors.CheckpointException">The trunk's checkpoint has no sequence-to-sequence head.</exception>
    /// <exception cref="Errors.InvalidOptionsException">Options are out of range, or the tokenizer has no end token.</exception>
    public static TextToText TextToText(Trunk trunk, TextToTextOptions? options = null) => Heads.TextToText.Load(Backbone.Of(trunk), options);

    /// <summary>
    /// Writes a copy of a checkpoint folder that knows further tokens: tokenizer.json, tokenizer_config.json, and a row for each in the embeddings and in
    /// the output layer of a masked language model.
    /// </summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="target">Where the copy goes: whole, or not at all. What this library saved there is replaced.</param>
    /// <param name="tokens">What to add; one that is in the vocabulary keeps its id.</param>
    /// <param name="rows">Rows of the embeddings by token, each as long as these are wide; null, or a token that is not here:
    /// the mean of all rows that were there.</param>
    /// <returns>The tokenizer of the copy.</returns>
    /// <remarks>Weights are written in one file as float32. Rows that a checkpoint keeps spare behind its vocabulary are taken first,
    /// and stay as they are unless given.</remarks>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="ArgumentException">A row has another length, or is for a token that is not added.</exception>
    /// <exception cref="IOException">The target holds what this library did not save, or cannot be written.</exception>
    public static PretrainedTokenizer AddTokens(string folder, string target, IEnumerable<NewToken> tokens, IReadOnlyDictionary<string, float[]>? rows = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        ArgumentNullException.ThrowIfNull(tokens);
        NewToken[] added = [.. tokens];
        FineTuningRuntime.Load();
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        PretrainedTokenizer? tokenizer = null;
        AtomicFolder.Write(target, fresh => tokenizer = WholeFolder.Read(folder, () => Widen(folder, fresh, added, rows ?? new Dictionary<string, float[]>())));
        return tokenizer!;
    }

    private static PretrainedTokenizer Widen(string folder, string fresh, NewToken[] added, IReadOnlyDictionary<string, float[]> rows)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder).WithTokens(added);
        var byId = new Dictionary<int, float[]>();
        NullMembers.RequireValues(rows, nameof(rows));
        foreach ((string token, float[] row) in rows)
        {
            if (!Array.Exists(added, other => other.Content == token))
                throw new ArgumentException($"there is a row for '{token}', which is not among the tokens to add", nameof(rows));
            byId[tokenizer.TokenId(token)!.Value] = row;
        }
        int size = added.Select(token => tokenizer.TokenId(token.Content) ?? -1).DefaultIfEmpty(-1).Max() + 1;
        FolderCopy.Clear(fresh);
        FolderCopy.WithoutWeights(folder, fresh);
        VocabularyWidening.Write(folder, fresh, size, byId);
        tokenizer.Save(fresh);
        return tokenizer;
    }

    /// <summary>
    /// Writes a copy of an encoder's checkpoint folder in whose vocabulary the frequent words of a domain are tokens of their own, each with the mean of the
    /// rows of the tokens that it was split into: shorter texts to learn from, for example before <c>AdaptTo</c>.
    /// </summary>
    /// <param name="folder">config.json, weights and tokenizer files.</param>
    /// <param name="target">Where the copy goes: whole, or not at all. What this library saved there is replaced.</param>
    /// <param name="texts">Texts of the domain; read once.</param>
    /// <param name="options">How many words, and which; null: the defaults.</param>
    /// <returns>The words, the most frequent first. None: the copy is the checkpoint.</returns>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">
    /// Options are out of range, or the model writes text whose tokens carry the space before a word, which a new token would lose.
    /// </exception>
    /// <exception cref="IOException">The target holds what this library did not save, or cannot be written.</exception>
    public static IReadOnlyList<DomainWord> AddDomainWords(string folder, string target, IEnumerable<string> texts, DomainWordOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new DomainWordOptions();
        var violations = new List<string>();
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        string[] all = [.. texts];
        NullMembers.RequireEntries(all, nameof(texts));
        using Trunk trunk = Trunk(folder);
        PretrainedTokenizer tokenizer = trunk.Tokenizer!;
        bool carries = DomainWords.CarriesSpace(tokenizer);
        if (carries && trunk.Plan.Decoder is not null)
            throw new InvalidOptionsException(["the model writes text, and its tokens carry the space before a word: a new token would lose it in what is "
                + "written; add tokens that you choose with AddTokens"]);
        IReadOnlyList<DomainWord> words = DomainWords.Find(tokenizer, all, options);
        AddTokens(folder, target, words.Select(word => DomainWords.Token(word, carries)), DomainWords.Rows(trunk, tokenizer, words));
        return words;
    }

    /// <summary>
    /// Writes a copy of a checkpoint folder with a chat format: its template, its tokens with mean rows, and the token that ends an answer as the end token.
    /// </summary>
    /// <param name="folder">config.json, weights and tokenizer files of a base model.</param>
    /// <param name="target">Where the copy goes: whole, or not at all. A model that stands there is replaced.</param>
    /// <param name="format">For example <see cref="ChatFormat.ChatMl"/>.</param>
    /// <returns>The tokenizer of the copy.</returns>
    /// <exception cref="Errors.CheckpointException">A file is missing, damaged, hostile, or of an unsupported kind.</exception>
    /// <exception cref="Errors.InvalidOptionsException">The format ends answers with the tokenizer's end token, and there is none.</exception>
    /// <exception cref="IOException">The target holds something other than a model, or cannot be written.</exception>
    public static PretrainedTokenizer AddChatFormat(string folder, string target, ChatFormat format)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        ArgumentNullException.ThrowIfNull(format);
        FineTuningRuntime.Load();
        return ChatFormatFiles.Write(folder, target, format);
    }

    // Labels, weights and tokenizer are those of one folder, whatever saves into it meanwhile.
    private static T Read<T>(string folder, Func<Backbone, T> load)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return WholeFolder.Read(folder, () => load(Backbone.Of(folder)));
    }
}
