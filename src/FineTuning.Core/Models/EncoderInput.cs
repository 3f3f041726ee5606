using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A batch of token ids as an encoder takes it.</summary>
/// <remarks>Owned by the torch dispose scope in which it was made.</remarks>
public sealed class EncoderInput
{
    /// <summary>Wraps tensors.</summary>
    /// <param name="ids">Token ids, [batch, tokens], int64.</param>
    /// <param name="types">Type ids, [batch, tokens], int64; null: all 0.</param>
    /// <param name="mask">True where a token is real, [batch, tokens], bool; null: all are, which is computed faster.</param>
    public EncoderInput(Tensor ids, Tensor? types, Tensor? mask)
    {
        ArgumentNullException.ThrowIfNull(ids);
        Ids = ids;
        Types = types;
        Mask = mask;
    }

    /// <summary>Token ids, [batch, tokens], int64.</summary>
    public Tensor Ids { get; }

    /// <summary>Type ids, [batch, tokens], int64; null: all 0.</summary>
    public Tensor? Types { get; }

    /// <summary>True where a token is real, [batch, tokens], bool; null: all are.</summary>
    public Tensor? Mask { get; }

    internal static EncoderInput Create(long[] ids, long[]? types, int[]? lengths, int rows, int length, Device device)
    {
        Tensor? mask = null;
        if (lengths is not null)
        {
            var real = new bool[rows * length];
            for (int row = 0; row < rows; row++) real.AsSpan(row * length, lengths[row]).Fill(true);
            mask = tensor(real, [rows, length], ScalarType.Bool, device);
        }
        return new(tensor(ids, [rows, length], ScalarType.Int64, device), types is null ? null : tensor(types, [rows, length], ScalarType.Int64, device), mask);
    }
}
