using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Trains vocabularies: for domains and languages that no checkpoint covers, and for networks trained from nothing.</summary>
/// <remarks>Deterministic: the same texts and options give the same files. Thread-safe.</remarks>
public static class VocabularyTrainer
{
    private const string Prefix = "##";
    private const int MergesBetweenReports = 500;

    private static readonly string[] BertTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    private static readonly string[] ByteLevelTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>A WordPiece vocabulary as BERT has it, with [PAD], [UNK], [CLS], [SEP] and [MASK] as its first entries.</summary>
    /// <param name="texts">Read once, in order.</param>
    /// <param name="options">Size and the rest. Null: the defaults.</param>
    /// <param name="cancellation">Stops training.</param>
    /// <exception cref="TrainingDataException">The texts hold no words.</exception>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    public static TrainedVocabulary WordPiece(IEnumerable<string> texts, VocabularyOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new VocabularyOptions();
        options.Validate(BertTokens.Length + 1);
        var counter = new WordCounter(new BertNormalizer(clean: true, chinese: true, strip: null, options.Lowercase), new BertPreTokenizer(), options);
        counter.Count(texts, cancellation);
        var entries = new SymbolTable(BertTokens);
        IReadOnlyList<string> alphabet = counter.Alphabet(options.AlphabetLimit);
        foreach (string character in alphabet) entries.Add(character);
        var allowed = alphabet.ToHashSet(StringComparer.Ordinal);
        List<(string, string)> merges = Learn(counter, entries, options, word =>
        {
            string[] characters = [.. word.EnumerateRunes().Select(rune => rune.ToString())];
            // A word with a character outside the alphabet is unknown as a whole, and teaches nothing.
            return Array.TrueForAll(characters, allowed.Contains)
                ? [.. characters.Select((character, i) => entries.Add(i == 0 ? character : Prefix + character))] : [];
        }, (left, right) => left + right[Prefix.Length..], cancellation);
        return new TrainedVocabulary(VocabularyKind.WordPiece, entries.Names, merges, options);
    }

    /// <summary>A byte-level BPE vocabulary as RoBERTa has it: every text can be written with it, whatever its language.</summary>
    /// <param name="texts">Read once, in order.</param>
    /// <param name="options">Size and the rest. Null: the defaults.</param>
    /// <param name="cancellation">Stops training.</param>
    /// <exception cref="TrainingDataException">The texts hold no words.</exception>
    /// <exception cref="InvalidOptionsException">Options are out of range.</exception>
    public static TrainedVocabulary BytePair(IEnumerable<string> texts, VocabularyOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new VocabularyOptions();
        options.Validate(ByteLevelTokens.Length + 256);
        var counter = new WordCounter(null, new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true, spell: true), options);
        counter.Count(texts, cancellation);
        var entries = new SymbolTable(ByteLevelTokens);
        foreach (string symbol in ByteAlphabet.Characters.Order().Select(character => character.ToString())) entries.Add(symbol);
        List<(string, string)> merges = Learn(counter, entries, options,
            word => [.. word.Select(character => entries.Add(character.ToString()))], (left, right) => left + right, cancellation);
        return new TrainedVocabulary(VocabularyKind.ByteLevel, entries.Names, merges, options);
    }

    private static List<(string, string)> Learn(
        WordCounter counter, SymbolTable entries, VocabularyOptions options, Func<string, int[]> symbolsOf,
        Func<string, string, string> join, CancellationToken cancellation)
    {
        IReadOnlyList<KeyValuePair<string, long>> words = counter.Words;
        if (words.Count == 0) throw new TrainingDataException($"the {counter.Texts} texts hold no words to learn a vocabulary from");
        var merger = new PairMerger([.. words.Select(pair => symbolsOf(pair.Key))], [.. words.Select(pair => pair.Value)]);
        var merges = new List<(string, string)>();
        while (entries.Names.Count < options.Size && merger.Best(options.MinimumFrequency) is { } pair)
        {
            cancellation.ThrowIfCancellationRequested();
            (string left, string right) = (entries.Names[pair.Left], entries.Names[pair.Right]);
            merges.Add((left, right));
            merger.Merge(pair, entries.Add(join(left, right)));
            if (merges.Count % MergesBetweenReports == 0) options.OnProgress?.Invoke(new(counter.Texts, words.Count, entries.Names.Count, options.Size));
        }
        options.OnProgress?.Invoke(new(counter.Texts, words.Count, entries.Names.Count, options.Size));
        return merges;
    }

    /// <summary>Names of symbols in the order in which they were first met.</summary>
    private sealed class SymbolTable
    {
        private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);

        public SymbolTable(IEnumerable<string> first)
        {
            foreach (string name in first) Add(name);
        }

        public List<string> Names { get; } = [];

        public int Add(string name)
        {
            if (_ids.TryGetValue(name, out int id)) return id;
            _ids[name] = Names.Count;
            Names.Add(name);
            return Names.Count - 1;
        }
    }
}
