using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>A row of token ids.</summary>
/// <param name="ids">Token ids, special tokens included.</param>
/// <param name="typeIds">0 for the first text and 1 for the second, or null where all are 0.</param>
public class TokenizedRow(int[] ids, int[]? typeIds) : EncodedRow((ids ?? throw new ArgumentNullException(nameof(ids))).Length)
{
    /// <summary>Token ids, special tokens included.</summary>
    public IReadOnlyList<int> Ids => TokenIds;

    internal int[] TokenIds { get; } = ids;

    internal int[]? TypeIds { get; } = typeIds;

    internal override void Write(RowWriter writer)
    {
        // A row of another's own type holds more than this.
        if (GetType() != typeof(TokenizedRow)) base.Write(writer);
        WriteTokens(writer);
    }

    internal static TokenizedRow Read(ref RowReader reader)
    {
        (int[] ids, int[]? types) = ReadTokens(ref reader);
        return new(ids, types);
    }

    private protected void WriteTokens(RowWriter writer)
    {
        writer.Ids(TokenIds);
        writer.OptionalIds(TypeIds);
    }

    private protected static (int[] Ids, int[]? TypeIds) ReadTokens(ref RowReader reader)
    {
        (int[] ids, int[]? types) = (reader.TokenIds(), reader.OptionalIds());
        return types is null || types.Length == ids.Length ? (ids, types) : throw RowReader.Damaged("it has not as many types as tokens");
    }
}

/// <summary>Rows of token ids as tensors.</summary>
/// <param name="rows">The rows, in order.</param>
/// <param name="paddedLength">Tokens a row after padding.</param>
/// <param name="input">What the encoder takes.</param>
public class TokenizedBatch(IReadOnlyList<EncodedRow> rows, int paddedLength, TrunkInput input) : Batch(rows, paddedLength)
{
    /// <summary>What the encoder takes; on the model's device.</summary>
    public TrunkInput Input { get; } = input ?? throw new ArgumentNullException(nameof(input));

    /// <summary>Pads rows on the right and stacks them.</summary>
    /// <param name="rows">Rows that are all <see cref="TokenizedRow"/>s.</param>
    /// <param name="paddedLength">Tokens a row after padding; at least the longest row.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="device">Where the tensors go.</param>
    /// <returns>Ids and types [batch, paddedLength]; the mask is null where no row is padded, so that attention needs none.</returns>
    public static TrunkInput Stack(IReadOnlyList<EncodedRow> rows, int paddedLength, int padId, Device device)
    {
        OwnRows.CheckLength(rows, paddedLength);
        ArgumentNullException.ThrowIfNull(device);
        var ids = new long[rows.Count * paddedLength];
        long[]? types = null;
        var lengths = new int[rows.Count];
        bool padded = false;
        for (int row = 0; row < rows.Count; row++)
        {
            var tokens = OwnRows.Of<TokenizedRow>(rows[row]);
            int start = row * paddedLength;
            lengths[row] = tokens.Length;
            padded |= tokens.Length < paddedLength;
            for (int i = 0; i < tokens.Length; i++) ids[start + i] = tokens.TokenIds[i];
            ids.AsSpan(start + tokens.Length, paddedLength - tokens.Length).Fill(padId);
            if (tokens.TypeIds is null) continue;
            types ??= new long[ids.Length];
            for (int i = 0; i < tokens.Length; i++) types[start + i] = tokens.TypeIds[i];
        }
        return TrunkInput.Create(ids, types, padded ? lengths : null, rows.Count, paddedLength, device);
    }
}
