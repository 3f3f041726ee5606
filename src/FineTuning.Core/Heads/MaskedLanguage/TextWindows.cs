using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Tokens of plain texts, arranged in rows of at most a certain length, each in the template of the tokenizer.</summary>
internal sealed class TextWindows
{
    private readonly int[] _before;
    private readonly int[] _after;
    private readonly int? _separator;
    private readonly int _room;
    private readonly PretrainedTokenizer _tokenizer;
    private readonly MaskedLanguageOptions _options;

    public TextWindows(PretrainedTokenizer tokenizer, int maximumLength, MaskedLanguageOptions options)
    {
        (_tokenizer, _options) = (tokenizer, options);
        (_before, _after) = ([.. tokenizer.TokensBefore], [.. tokenizer.TokensAfter]);
        _separator = tokenizer.SeparatorId ?? tokenizer.EndId;
        _room = maximumLength - _before.Length - _after.Length;
    }

    /// <summary>Whether a row has room for a token.</summary>
    public bool HasRoom => _room > 0;

    /// <summary>A whole text in one row, however long. Null: it has no tokens.</summary>
    public MaskableRow? Of(string text)
    {
        TokenizedText tokens = _tokenizer.Encode(text, null, new TokenizingOptions { AddSpecialTokens = false });
        if (tokens.Ids.Length == 0) return null;
        var units = new int[tokens.Ids.Length];
        for (int i = 0; i < units.Length; i++) units[i] = _tokenizer.IsSpecial(tokens.Ids[i]) ? -1 : _options.WholeWords ? tokens.WordIds[i] : i;
        return Wrap(tokens.Ids, units, 0);
    }

    /// <summary>Rows of at most the maximal length that hold every token of the texts exactly once, in their order.</summary>
    /// <param name="texts">Whole texts in one row each; they need not all be there at once.</param>
    public IEnumerable<EncodedRow> PrepareRows(IEnumerable<EncodedRow> texts)
    {
        var ids = new List<int>(_room);
        var units = new List<int>(_room);
        int index = 0, unit = 0, count = 0;
        foreach (MaskableRow text in texts.Select(OwnRows.Of<MaskableRow>))
        {
            if (ids.Count == 0) index = text.Index;
            int end = text.Length - _after.Length, last = -1;
            for (int i = _before.Length; i < end; i++)
            {
                if (ids.Count == _room)
                {
                    yield return Flush();
                    (index, last) = (text.Index, -1);
                }
                // Words count on from text to text, so that two texts in a window never share one.
                int own = text.Units[i];
                if (own >= 0 && own != last) (last, unit) = (own, unit + 1);
                ids.Add(text.TokenIds[i]);
                units.Add(own < 0 ? -1 : unit);
            }
            // The template ends a window; a separator before that would say the same twice.
            if (_options.Packing == TextPacking.Lines || ids.Count + 1 >= _room)
            {
                yield return Flush();
            }
            else if (_separator is { } separator)
            {
                ids.Add(separator);
                units.Add(-1);
            }
        }
        if (_separator is not null && ids.Count > 0)
        {
            ids.RemoveAt(ids.Count - 1);
            units.RemoveAt(units.Count - 1);
        }
        if (ids.Count > 0) yield return Flush();

        MaskableRow Flush()
        {
            MaskableRow row = Wrap([.. ids], [.. units], count++, index);
            ids.Clear();
            units.Clear();
            unit = 0;
            return row;
        }
    }

    private MaskableRow Wrap(int[] ids, int[] units, int row, int index = 0)
    {
        int[] Around(int[] values, bool special) =>
            [.. special ? Enumerable.Repeat(-1, _before.Length) : _before, .. values, .. special ? Enumerable.Repeat(-1, _after.Length) : _after];
        int maskable = units.Count(unit => unit >= 0);
        double expected = maskable == 0 ? 0 : Math.Max(1, maskable * _options.Probability);
        return new(Around(ids, false), Around(units, true), row, expected) { Index = index };
    }
}
