using FineTuning.Fuzz;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>What holds for every pipeline of the goldens and every text.</summary>
public sealed class TokenizerLawTests
{
    private const int Texts = 80;

    private static readonly TokenizingOptions Bare = new() { AddSpecialTokens = false };

    public static TheoryData<string> Pipelines() => TokenizerFolders.Names();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Offsets_lie_in_the_text_and_begin_in_its_order(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        foreach (string text in TokenizerFolders.Texts(tokenizer, name, Texts))
        {
            if (TokenizerFolders.Encode(tokenizer, text) is not { } row) continue;
            TokenizerLaws.Hold(tokenizer, row, text);
            int last = 0;
            for (int i = 0; i < row.Ids.Length; i++)
            {
                // A space that was put in and trimmed stands behind the character that it was put before.
                if (row.SequenceIds[i] < 0 || row.Starts[i] == row.Ends[i]) continue;
                Assert.True(row.Starts[i] >= last, $"'{text}': token {i} begins at {row.Starts[i]}, the one before at {last}");
                last = row.Starts[i];
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void The_text_before_a_special_token_is_encoded_as_if_it_stood_alone(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        AddedToken? special = tokenizer.Parts.AddedTokens.FirstOrDefault(token => token is { Normalized: false, SingleWord: false, StripLeft: false, StripRight: false } && token.Content.Length > 1);
        if (special is null || tokenizer.Parts.SplitSpecialTokens) Assert.Skip("it has no plain special token, or reads them as text");
        // The newer Llama way marks only what begins a text.
        bool everywhere = Marks(tokenizer.Parts.PreTokenizer) is null;
        string[] texts = [.. TokenizerFolders.Texts(tokenizer, name, Texts).Where(text => !text.Contains(special.Content[0], StringComparison.Ordinal) && !text.Contains(special.Content[^1], StringComparison.Ordinal))];
        for (int i = 0; i + 1 < texts.Length; i++)
        {
            TokenizedText? first = TokenizerFolders.Encode(tokenizer, texts[i], Bare), second = TokenizerFolders.Encode(tokenizer, texts[i + 1], Bare);
            if (first is null || second is null || TokenizerFolders.Encode(tokenizer, texts[i] + special.Content + texts[i + 1], Bare) is not { } whole) continue;
            // An added token behind may take the blanks before it, those of the slice included.
            if (second.Ids.Length > 0 && tokenizer.Parts.AddedTokens.Any(token => token.StripLeft || token.StripRight || token.SingleWord)) continue;
            Assert.Equal(first.Ids, whole.Ids.Take(first.Ids.Length));
            Assert.Equal(special.Id, whole.Ids[first.Ids.Length]);
            if (!everywhere) continue;
            int shift = texts[i].Length + special.Content.Length, from = first.Ids.Length + 1;
            Assert.Equal(second.Ids, whole.Ids.Skip(from));
            if (!tokenizer.Parts.TrimOffsets.Trim) Assert.Equal(second.Starts.Select(start => start + shift), whole.Starts.Skip(from));
        }
    }

    [Fact]
    public void A_word_cut_out_of_its_text_has_the_same_tokens() => ForEach(
        tokenizer => tokenizer.Parts is { PreTokenizer: BertPreTokenizer, Normalizer: null or BertNormalizer } && tokenizer.Parts.AddedTokens.All(token => token is { Normalized: false, SingleWord: false, StripLeft: false, StripRight: false }),
        (tokenizer, text) =>
        {
            if (TokenizerFolders.Encode(tokenizer, text, Bare) is not { } row) return;
            foreach (int word in row.WordIds.Distinct())
            {
                (int start, int end) = row.CharactersOf(word)!.Value;
                (int from, int to) = row.TokensOf(word)!.Value;
                // An added token is found in a text as it stands, not in a part of it.
                if (row.Ids[from..to].Any(id => tokenizer.Parts.AddedTokens.Any(token => token.Id == id && token != tokenizer.Parts.AddedTokens.FirstOrDefault(other => other.Id == tokenizer.UnknownId)))) continue;
                TokenizedText alone = tokenizer.Encode(text[start..end], null, Bare);
                Assert.Equal(row.Ids[from..to], alone.Ids);
                Assert.Equal(row.Starts[from..to], alone.Starts.Select(place => place + start));
            }
        });

    // Where every character has its token and none is an added one, nothing is lost. A space that is put in front is taken off again.
    [Fact]
    public void What_was_spelled_in_bytes_comes_back() => ForEach(
        tokenizer => tokenizer.Parts is { ModelSpells: true, Normalizer: null, Decoder: ByteLevelDecoder },
        (tokenizer, text) =>
        {
            if (TokenizerFolders.Encode(tokenizer, text, Bare) is not { } row || row.Ids.Any(id => tokenizer.Parts.AddedTokens.Any(token => token.Id == id))) return;
            if (!tokenizer.Parts.TrimOffsets.Trim && !CoversAll(row, text.Length)) return;
            string plain = string.Concat(text.EnumerateRunes().Select(rune => rune.ToString())), decoded = tokenizer.Decode(row.Ids, skipSpecialTokens: false, cleanUp: false);
            bool prefixed = tokenizer.Decode(tokenizer.Encode("x", null, Bare).Ids, skipSpecialTokens: false) == " x" && plain.Length > 0 && plain[0] != ' ';
            Assert.Equal(prefixed ? " " + plain : plain, decoded);
        });

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Decoding_one_by_one_gives_what_decoding_all_gives(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        foreach (string text in TokenizerFolders.Texts(tokenizer, name, Texts))
        {
            if (TokenizerFolders.Encode(tokenizer, text) is { } row) TokenizerLaws.Decodes(tokenizer, row);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Windows_hold_every_token(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        int place = 0;
        foreach (string text in TokenizerFolders.Texts(tokenizer, name, Texts))
        {
            if (TokenizerFolders.Encode(tokenizer, text) is not { } row) continue;
            int room = 2 + (place++ % 5), added = row.Special.Count(special => special);
            var options = new TokenizingOptions
            {
                Truncation = TruncationStrategy.LongestFirst, MaximumLength = added + room, Stride = place % room, KeepOverflow = true, TruncateLeft = place % 2 == 0,
            };
            TokenizerLaws.Covers(tokenizer, text, options, row);
            TokenizedText first = tokenizer.Encode(text, null, options);
            Assert.All(first.Overflow.Prepend(first), window => Assert.True(window.Ids.Length <= added + room));
            Assert.Equal(row.Ids.Length - first.Ids.Length, first.TruncatedTokens);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Look_ups_agree_with_the_tokens(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        foreach (string text in TokenizerFolders.Texts(tokenizer, name, 20))
        {
            if (TokenizerFolders.Encode(tokenizer, text) is not { } row) continue;
            for (int character = 0; character < text.Length; character++)
            {
                int token = row.TokenAt(character);
                int first = Enumerable.Range(0, row.Ids.Length).FirstOrDefault(i => row.SequenceIds[i] == 0 && row.Starts[i] <= character && character < row.Ends[i], -1);
                Assert.Equal(first, token);
                Assert.Equal(token < 0 ? -1 : row.WordIds[token], row.WordAt(character));
            }
            foreach (int word in row.WordIds.Where(word => word >= 0).Distinct())
            {
                (int start, int end) = row.TokensOf(word)!.Value;
                Assert.Equal(word, row.WordIds[start]);
                Assert.Equal(word, row.WordIds[end - 1]);
                Assert.Equal((row.Starts[start], row.Ends[end - 1]), row.CharactersOf(word));
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Pipelines))]
    public void Every_id_is_that_of_its_token(string name)
    {
        PretrainedTokenizer tokenizer = TokenizerFolders.Load(name);
        var ids = tokenizer.Parts.Model.Vocabulary.Values.Concat(tokenizer.Parts.AddedTokens.Select(token => token.Id)).ToHashSet();
        foreach (int id in ids)
        {
            string token = tokenizer.Token(id)!;
            // Where two texts have one id, or one text two, the one that is looked up is the other's.
            Assert.Equal(token, tokenizer.Token(tokenizer.TokenId(token)!.Value));
        }
        Assert.Null(tokenizer.Token(-1));
        Assert.Null(tokenizer.Token(int.MaxValue));
    }

    private static void ForEach(Func<PretrainedTokenizer, bool> suits, Action<PretrainedTokenizer, string> check)
    {
        string root = Goldens.Require("tokenizers");
        int pipelines = 0;
        foreach (string name in Directory.GetDirectories(root).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal))
        {
            if (TokenizerFolders.TryLoad(name) is not { } tokenizer || !suits(tokenizer)) continue;
            pipelines++;
            foreach (string text in TokenizerFolders.Texts(tokenizer, name, Texts)) check(tokenizer, text);
        }
        Assert.True(pipelines > 0);
    }

    private static MetaspacePreTokenizer? Marks(PreTokenizer? step) => step as MetaspacePreTokenizer;

    private static bool CoversAll(TokenizedText row, int length)
    {
        var covered = new bool[length];
        for (int i = 0; i < row.Ids.Length; i++) covered.AsSpan(row.Starts[i], row.Ends[i] - row.Starts[i]).Fill(true);
        return Array.TrueForAll(covered, character => character);
    }
}
