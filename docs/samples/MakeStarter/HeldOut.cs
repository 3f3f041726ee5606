using System.Text.RegularExpressions;

namespace MakeStarter;

/// <summary>The sentences of QuickStart, which nothing here may learn from: whatever resembles one of them is left out.</summary>
internal sealed partial class HeldOut
{
    private const double TooClose = 0.7;

    private readonly HashSet<string>[] _sentences;
    private readonly Dictionary<string, List<int>> _places = new(StringComparer.Ordinal);

    public HeldOut(IEnumerable<string> sentences)
    {
        _sentences = [.. sentences.Select(WordsOf)];
        foreach ((int place, HashSet<string> words) in _sentences.Index())
        {
            foreach (string word in words)
            {
                if (!_places.TryGetValue(word, out List<int>? places)) _places[word] = places = [];
                places.Add(place);
            }
        }
    }

    /// <summary>Whether a text shares 70 % or more of its words with a sentence that is held out (words of both, over words of either).</summary>
    public bool Resembles(string text)
    {
        HashSet<string> words = WordsOf(text);
        var shared = new Dictionary<int, int>();
        foreach (string word in words)
        {
            foreach (int place in _places.GetValueOrDefault(word, [])) shared[place] = shared.GetValueOrDefault(place) + 1;
        }
        return shared.Any(pair => pair.Value >= TooClose * (words.Count + _sentences[pair.Key].Count - pair.Value));
    }

    private static HashSet<string> WordsOf(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    [GeneratedRegex(@"[\p{L}\p{N}]+")]
    private static partial Regex Word();
}
