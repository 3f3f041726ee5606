using System.Text;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>A token as the pipeline sees it: spelling, characters, probabilities, whether it goes on with the word before.</summary>
internal sealed record PipelineToken(string Spelling, int Start, int End, int Position, double[] Probabilities, bool ContinuesWord);

/// <summary>Tokens into entities exactly as transformers' token-classification pipeline does it, so that an answer is the same on both sides.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class ReferencePipeline(PretrainedTokenizer tokenizer, IReadOnlyList<string> tags)
{
    private sealed record Labeled(string Tag, double Score, string Spelling, int Start, int End, int? Position);

    /// <summary>What the pipeline calls the entity group: all behind the first hyphen.</summary>
    public static string TypeOf(string tag) => tag.IndexOf('-', StringComparison.Ordinal) is >= 0 and int hyphen ? tag[(hyphen + 1)..] : tag;

    /// <summary>The entities of one window.</summary>
    /// <param name="text">The text.</param>
    /// <param name="tokens">The window.</param>
    /// <param name="scores">The outputs for a token by its position. Null: the token is not read.</param>
    /// <param name="options">How they are grouped, and what is left out.</param>
    /// <param name="wordStarts">Where each word begins in the text, where words were given; else null.</param>
    public List<Entity> Read(string text, TokenizedText tokens, Func<int, float[]?> scores, EntityOptions options, int[]? wordStarts)
    {
        List<PipelineToken> pieces = Pieces(text, tokens, scores, wordStarts);
        bool alone = options.Aggregation is EntityAggregation.None or EntityAggregation.Simple;
        List<Labeled> labeled = alone ? [.. pieces.Select(OfToken)] : [.. Words(pieces).Select(word => OfWord(word, options.Aggregation))];
        IEnumerable<Labeled> found = options.Aggregation == EntityAggregation.None ? labeled : Groups(labeled);
        return
        [
            .. found.Where(entity => !options.Ignored.Contains(entity.Tag, StringComparer.Ordinal))
                .Select(entity => new Entity(entity.Tag, text[entity.Start..Math.Max(entity.Start, entity.End)], entity.Start, entity.End, entity.Score)
                    { Spelling = entity.Spelling, Token = entity.Position }),
        ];
    }

    /// <summary>Of entities of several windows that overlap, the longer stays, and of equally long ones the surer.</summary>
    public static List<Entity> Merge(IEnumerable<Entity> entities)
    {
        var kept = new List<Entity>();
        foreach (Entity entity in entities.OrderBy(entity => entity.Start))
        {
            Entity? last = kept.Count == 0 ? null : kept[^1];
            if (last is null || entity.Start < last.Start || entity.Start >= last.End) kept.Add(entity);
            else if (entity.End - entity.Start > last.End - last.Start || (entity.End - entity.Start == last.End - last.Start && entity.Score > last.Score))
                kept[^1] = entity;
        }
        return kept;
    }

    private List<PipelineToken> Pieces(string text, TokenizedText tokens, Func<int, float[]?> scores, int[]? wordStarts)
    {
        bool marked = tokenizer.ContinuationPrefix.Length > 0;
        var pieces = new List<PipelineToken>();
        for (int i = 0; i < tokens.Ids.Length; i++)
        {
            if (tokens.Special[i] || scores(i) is not { } outputs) continue;
            int shift = wordStarts is null ? 0 : wordStarts[tokens.WordIds[i]], start = tokens.Starts[i] + shift, end = tokens.Ends[i] + shift;
            string spelling = tokenizer.Token(tokens.Ids[i]) ?? "";
            // With a prefix for continuations, their spelling is longer than what stands in the text; without, a space must be near.
            bool continues = marked ? CodePoints(spelling) != CodePoints(text.AsSpan(start, end - start)) : start > 0 && !HasSpace(text, start);
            if (tokens.Ids[i] == tokenizer.UnknownId) (spelling, continues) = (text[start..end], false);
            pieces.Add(new(spelling, start, end, i, Probabilities.Softmax(outputs), continues));
        }
        return pieces;
    }

    private static bool HasSpace(string text, int start) => text[start - 1] == ' ' || (start < text.Length && text[start] == ' ');

    private static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes()) count++;
        return count;
    }

    private Labeled OfToken(PipelineToken token)
    {
        int best = Best(token.Probabilities);
        return new(tags[best], token.Probabilities[best], token.Spelling, token.Start, token.End, token.Position);
    }

    private static List<List<PipelineToken>> Words(List<PipelineToken> pieces)
    {
        var words = new List<List<PipelineToken>>();
        foreach (PipelineToken piece in pieces)
        {
            if (words.Count > 0 && piece.ContinuesWord) words[^1].Add(piece);
            else words.Add([piece]);
        }
        return words;
    }

    private Labeled OfWord(List<PipelineToken> word, EntityAggregation aggregation)
    {
        double[] shares = aggregation switch
        {
            EntityAggregation.First => word[0].Probabilities,
            EntityAggregation.Max => word.MaxBy(token => token.Probabilities.Max())!.Probabilities,
            _ => [.. Enumerable.Range(0, tags.Count).Select(tag => word.Average(token => token.Probabilities[tag]))],
        };
        int best = Best(shares);
        return new(tags[best], shares[best], Spell(word.Select(token => token.Spelling)), word[0].Start, word[^1].End, null);
    }

    private IEnumerable<Labeled> Groups(List<Labeled> entities)
    {
        var group = new List<Labeled>();
        foreach (Labeled entity in entities)
        {
            (bool begins, string type) = Parts(entity.Tag);
            if (group.Count > 0 && (begins || Parts(group[^1].Tag).Type != type))
            {
                yield return Grouped(group);
                group.Clear();
            }
            group.Add(entity);
        }
        if (group.Count > 0) yield return Grouped(group);
    }

    private Labeled Grouped(List<Labeled> group) =>
        new(TypeOf(group[0].Tag), group.Average(entity => entity.Score), Spell(group.Select(entity => entity.Spelling)), group[0].Start, group[^1].End, null);

    private static (bool Begins, string Type) Parts(string tag) =>
        tag.StartsWith("B-", StringComparison.Ordinal) ? (true, tag[2..]) : (false, tag.StartsWith("I-", StringComparison.Ordinal) ? tag[2..] : tag);

    private string Spell(IEnumerable<string> tokens) => tokenizer.Join([.. tokens]);

    private static int Best(double[] values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best]) best = i;
        }
        return best;
    }
}
