using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>Whole words, each with its id.</summary>
internal sealed class WordLevelModel : WordModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly string _unknown;

    public WordLevelModel(Dictionary<string, int> vocabulary, string unknown)
    {
        (_vocabulary, _unknown) = (vocabulary, unknown);
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public override IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    private protected override void Compute(ReadOnlySpan<char> word, TokenList output)
    {
        if (!_lookup.TryGetValue(word, out int id) && !_vocabulary.TryGetValue(_unknown, out id))
        {
            throw new TokenizationException($"the word '{word}' is not in the vocabulary, and neither is the unknown token '{_unknown}'");
        }
        output.Add(id, 0, word.Length);
    }
}
