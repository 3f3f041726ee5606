using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Fills masks: scores of the whole vocabulary at the masks alone, and what the text would read.</summary>
internal sealed class MaskFilling
{
    private readonly MaskedLanguageModel _model;
    private readonly int[]? _targets;
    private readonly int _count;

    public MaskFilling(MaskedLanguageModel model, FillOptions options)
    {
        _model = model;
        new NullMembers().Entries(options.Targets, nameof(options.Targets)).Require(nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Count, 1);
        _targets = options.Targets is null ? null : TargetIds(options.Targets);
        _count = Math.Min(options.Count, _targets?.Length ?? model.Trunk.Plan.VocabularySize);
    }

    public IReadOnlyList<FilledText> Fill(IReadOnlyList<string> inputs, CancellationToken cancellation)
    {
        new NullMembers().Entries(inputs, nameof(inputs)).Require(nameof(inputs));
        TextRow[] rows = [.. inputs.Select((input, index) => new TextRow(Tokenize(input)) { Index = index })];
        return PredictionBatches.Run(_model.Weights, rows, Fill, cancellation);
    }

    private TokenizedText Tokenize(string text)
    {
        TokenizedText tokens = _model.Tokenizer.Encode(text, null,
            new TokenizingOptions { MaximumLength = _model.MaximumLength, Truncation = _model.Truncation });
        if (tokens.Ids.Length > (_model.Trunk.Plan.MaximumTokens ?? int.MaxValue))
        {
            throw new ArgumentException($"the text \"{Excerpt.Of(text)}\" has {tokens.Ids.Length} tokens, "
                + $"but the model takes {_model.Trunk.Plan.MaximumTokens}; shorten it, or let it be cut (Truncation)");
        }
        if (!tokens.Ids.Contains(_model.MaskId))
        {
            string cut = tokens.TruncatedTokens > 0 ? $" in its first {_model.MaximumLength} tokens" : "";
            throw new ArgumentException($"the text \"{Excerpt.Of(text)}\" has no {_model.Tokenizer.Token(_model.MaskId)}{cut}: there is nothing to fill");
        }
        return tokens;
    }

    private FilledText[] Fill(TextRow[] rows, int length)
    {
        int[][] masks = [.. rows.Select(row => Enumerable.Range(0, row.Length).Where(index => row.TokenIds[index] == _model.MaskId).ToArray())];
        long[] indices = [.. masks.SelectMany((own, row) => own.Select(index => ((long)row * length) + index))];
        TrunkInput input = TokenizedBatch.Stack(rows, length, _model.PadId, _model.Device);
        Tensor logits = _model.Head.LogitsAt(input, tensor(indices, ScalarType.Int64, _model.Device), ForwardContext.Evaluation()).cpu();
        var filled = new FilledText[rows.Length];
        int done = 0;
        for (int row = 0; row < rows.Length; row++)
        {
            TokenizedText text = rows[row].Text;
            var own = new FilledMask[masks[row].Length];
            for (int i = 0; i < own.Length; i++)
            {
                int index = masks[row][i];
                double[] scores = Probabilities.Softmax(Outputs.Read(logits[done++]));
                own[i] = new(text.Starts[index], text.Ends[index], [.. Best(scores).Select(id => Candidate(text, index, id, scores[id], own.Length == 1))]);
            }
            filled[row] = new(own, text.TruncatedTokens);
        }
        return filled;
    }

    private IEnumerable<int> Best(double[] scores) => (_targets ?? Enumerable.Range(0, scores.Length)).OrderByDescending(id => scores[id]).Take(_count);

    private MaskCandidate Candidate(TokenizedText text, int position, int id, double score, bool single)
    {
        PretrainedTokenizer tokenizer = _model.Tokenizer;
        int[] ids = [.. text.Ids];
        ids[position] = id;
        if (tokenizer.PadId is { } pad) ids = [.. ids.Where(token => token != pad)];
        return new(score, id, tokenizer.Decode([id], skipSpecialTokens: false), tokenizer.Decode(ids, skipSpecialTokens: single));
    }

    // An entry of the vocabulary, else the first token of the text; what has none is left out unless nothing remains.
    private int[] TargetIds(IReadOnlyList<string> targets)
    {
        int vocabulary = _model.Trunk.Plan.VocabularySize;
        var ids = new SortedSet<int>();
        foreach (string target in targets)
        {
            int id = _model.Tokenizer.TokenId(target)
                ?? _model.Tokenizer.Encode(target, null, new TokenizingOptions { AddSpecialTokens = false }).Ids.Append(-1).First();
            if (id >= 0 && id < vocabulary) ids.Add(id);
        }
        return ids.Count > 0 ? [.. ids]
            : throw new ArgumentException("none of the targets has a token; name at least one entry of the vocabulary or one text", nameof(targets));
    }

    private sealed class TextRow(TokenizedText text) : TokenizedRow(text.Ids, null)
    {
        public TokenizedText Text { get; } = text;
    }
}
