using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Of which tokens the last hidden states are wanted; what can be left out for the others is not computed.</summary>
/// <remarks>Immutable.</remarks>
public sealed class WantedStates
{
    private enum Choice
    {
        All,
        First,
        LastReal,
        LastOf,
        Mean,
        At,
    }

    private readonly Choice _choice;
    private readonly Tensor? _indices;
    private readonly long _id;

    private WantedStates(Choice choice, Tensor? indices = null, long id = 0) => (_choice, _indices, _id) = (choice, indices, id);

    /// <summary>Those of all tokens: [batch, tokens, hidden].</summary>
    public static WantedStates All { get; } = new(Choice.All);

    /// <summary>That of the first token of each row: [batch, 1, hidden].</summary>
    public static WantedStates First { get; } = new(Choice.First);

    /// <summary>That of the last real token of each row: [batch, 1, hidden].</summary>
    public static WantedStates LastReal { get; } = new(Choice.LastReal);

    /// <summary>Those at indices of the flattened batch (row times tokens plus token): [indices, hidden].</summary>
    /// <param name="indices">[indices], int64, on the model's device; owned by the caller.</param>
    public static WantedStates At(Tensor indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        if (indices.dim() != 1 || indices.dtype != ScalarType.Int64)
            throw new ArgumentException($"indices are one row of int64; [{string.Join(", ", indices.shape)}] of {indices.dtype} was found", nameof(indices));
        return new(Choice.At, indices);
    }

    /// <summary>
    /// That of the last token of an id in each row, [batch, 1, hidden]; where a row has none, of its last real token. An encoder-decoder looks for it in its
    /// source.
    /// </summary>
    internal static WantedStates LastOf(long id) => new(Choice.LastOf, id: id);

    /// <summary>The mean of those of the real tokens of each row: [batch, 1, hidden].</summary>
    internal static WantedStates Mean { get; } = new(Choice.Mean);

    /// <summary>Whether the mean is wanted.</summary>
    internal bool IsMean => _choice == Choice.Mean;

    /// <summary>The name of the choice where it is one vector of each row; null: it is not.</summary>
    internal string? OneVector => _choice is Choice.All or Choice.At ? null : $"{_choice} {_id}";

    /// <summary>Whether those of all tokens are wanted.</summary>
    internal bool IsAll => _choice == Choice.All;

    /// <summary>The indices of those that are wanted; null: they are said otherwise.</summary>
    internal Tensor? IndicesOrNull => _indices;

    /// <summary>The same of a batch in which a learned prompt of so many tokens stands before each row.</summary>
    /// <param name="count">Tokens of the prompt.</param>
    /// <param name="tokens">Tokens a row without it.</param>
    internal WantedStates Behind(long count, long tokens) => _choice != Choice.At ? this
        : new(Choice.At, _indices!.Plus(_indices!.div(Held(tokens), RoundingMode.floor).Plus(1L) * Held(count)));

    /// <summary>What a layer is told. Null: everything is wanted.</summary>
    internal Wanted? Resolve(TrunkInput input) => _choice switch
    {
        Choice.All or Choice.Mean => null,
        Choice.First => Wanted.First,
        Choice.LastReal => Wanted.AtRows(input.LastRealIndices()),
        Choice.LastOf => Wanted.AtRows((input.Source ?? input).LastIndicesOf(_id)),
        _ => Wanted.AtIndices(_indices!),
    };
}

/// <summary>A choice of tokens, made for one batch.</summary>
internal sealed class Wanted
{
    private readonly Tensor? _rows;
    private readonly Tensor? _indices;

    private Wanted(Tensor? rows, Tensor? indices) => (_rows, _indices) = (rows, indices);

    /// <summary>The first token of each row.</summary>
    public static Wanted First { get; } = new(null, null);

    /// <summary>Whether there is one token a row, so that attention needs one query a row.</summary>
    public bool IsOneToken => _indices is null;

    /// <summary>One token of each row, at its index, [batch], int64.</summary>
    public static Wanted AtRows(Tensor rows) => new(rows, null);

    /// <summary>Tokens at indices of the flattened batch, [indices], int64.</summary>
    public static Wanted AtIndices(Tensor indices) => new(null, indices);

    /// <summary>The states of the chosen tokens, of [batch, tokens, width].</summary>
    public Tensor Of(Tensor states)
    {
        if (_indices is not null) return states.reshape(-1, states.shape[2]).index_select(0, _indices);
        return Along(states, 1);
    }

    /// <summary>One token's entries along a dimension of tokens; dimension 0 is the batch, or has size 1 where the choice is the same for all rows.</summary>
    public Tensor Along(Tensor values, int dimension)
    {
        if (values.shape[dimension] == 1) return values;
        if (_rows is null) return values.narrow(dimension, 0, 1);
        long[] shape = [.. values.shape];
        shape[0] = _rows.shape[0];
        Tensor whole = values.shape[0] == shape[0] ? values : values.expand(shape);
        shape[dimension] = 1;
        long[] index = [.. shape.Select(_ => 1L)];
        index[0] = shape[0];
        return whole.gather(dimension, _rows.view(index).expand(shape));
    }

    /// <summary>The chosen rows of a table by token, [tokens, width], as [batch or 1, 1, 1, width].</summary>
    public Tensor OfTable(Tensor table) =>
        _rows is null ? table.narrow(0, 0, 1).unsqueeze(0).unsqueeze(0) : table.index_select(0, _rows).unsqueeze(1).unsqueeze(1);
}
