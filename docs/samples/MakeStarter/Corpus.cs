using FineTuning.Errors;
using FineTuning.Examples;

namespace MakeStarter;

/// <summary>All that the starter is made from, in an order that depends on nothing but the files and the seed.</summary>
/// <param name="Masked">Sentences of the books, or of the grammar where there are none: what masked words are learned from.</param>
/// <param name="All">Sentences of books and grammar, the texts of data sets and the most frequent words by themselves: what the vocabulary is learned from.</param>
/// <param name="Taught">The short ones among all: what the teacher's vectors are learned over.</param>
/// <param name="Summary">How many of each.</param>
internal sealed record Corpus(IReadOnlyList<string> Masked, IReadOnlyList<string> All, IReadOnlyList<string> Taught, string Summary)
{
    private const int FrequentWords = 8000;
    private const int LongestTaught = 100;

    private static readonly char[] NoLetters = [' ', '.', ',', '?', '!', ';', ':', '"', '(', ')', '-', '\t', '*'];

    public static Corpus Read(StarterArguments arguments)
    {
        string sample = Path.Combine("docs", "samples");
        if (!Directory.Exists(sample)) throw new DirectoryNotFoundException("run this from the root of the repository");
        string data = Path.Combine(sample, "QuickStart", "data");
        var heldOut = new HeldOut(new[] { "train.csv", "dev.csv", "test.csv" }.SelectMany(name => Csv.Read(Path.Combine(data, name))).Select(row => row["text"]));
        int leftOut = 0;
        string[] Kept(IEnumerable<string> texts)
        {
            string[] different = [.. texts.Select(text => text.Trim()).Where(text => text.Length > 0).Distinct(StringComparer.Ordinal)];
            string[] kept = [.. different.Where(text => !heldOut.Resembles(text))];
            leftOut += different.Length - kept.Length;
            return kept;
        }

        string[] books = Kept(arguments.Books.SelectMany(Books.Sentences));
        string[] generated = Kept(new Grammar(Path.Combine(sample, "MakeStarter", "sentences.grammar")).Draw(arguments.Generated, arguments.Seed));
        string[] unlabelled = Kept(arguments.Unlabelled.SelectMany(UnlabelledTexts.Read));
        string[] sentences = [.. books, .. generated, .. unlabelled];
        if (sentences.Length == 0) throw new TrainingDataException("there is no text: name books (--text), or draw sentences (--generated)");
        string[] words =
        [
            .. sentences.SelectMany(text => text.ToLowerInvariant().Split(NoLetters, StringSplitOptions.RemoveEmptyEntries)).Where(word => word.Length > 2 && word.All(char.IsLetter))
                .CountBy(word => word).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(FrequentWords).Select(pair => pair.Key),
        ];
        var random = new Random(arguments.Seed);
        string[] masked = [.. books.Length > 0 ? books : generated], all = [.. sentences, .. words];
        random.Shuffle(masked);
        random.Shuffle(all);
        string[] taught = [.. all.Where(text => text.Length <= LongestTaught)];
        return new(masked, all, taught, $"{books.Length} sentences of {arguments.Books.Count} books, {generated.Length} generated, {unlabelled.Length} unlabelled texts of {arguments.Unlabelled.Count} files, {words.Length} words, {taught.Length} of all short enough to be taught; {leftOut} left out because they resemble a sentence of QuickStart");
    }
}
