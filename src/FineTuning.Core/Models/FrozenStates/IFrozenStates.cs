using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>Hidden states of layers that do not train, kept by what a row holds, for the passes of one run.</summary>
internal interface IFrozenStates
{
    /// <summary>Whose states they are.</summary>
    Trunk Trunk { get; }

    /// <summary>Which layers they have passed.</summary>
    FrozenLayers Layers { get; }

    /// <summary>Whether passes are made to keep their states: what lies above is not computed then.</summary>
    bool IsFilling { get; }

    /// <summary>The states of a batch: kept ones where those of all its rows are, else computed ones.</summary>
    /// <param name="kind">Which states.</param>
    /// <param name="rows">What they depend on.</param>
    /// <param name="compute">Gives [batch, tokens, hidden].</param>
    /// <returns>[batch, tokens, hidden]; 0 for padding where it was kept.</returns>
    Tensor Of(StateKind kind, RowKeys rows, Func<Tensor> compute);
}

/// <summary>How many layers of each stack, from the lowest up, do not train, nor does anything below them.</summary>
/// <param name="Encoder">Of the encoder.</param>
/// <param name="Decoder">Of the decoder; 0 where something that it reads trains.</param>
internal readonly record struct FrozenLayers(int Encoder, int Decoder)
{
    /// <summary>Whether there are any.</summary>
    public bool Any => Encoder > 0 || Decoder > 0;

    /// <summary>How many there are.</summary>
    public int Count => Encoder + Decoder;
}

/// <summary>Which states are kept.</summary>
/// <param name="IsDecoder">Whether they are a decoder's.</param>
/// <param name="Layers">The layers that they have passed.</param>
/// <param name="Choice">Which one vector of each row; empty: those of all tokens.</param>
/// <param name="Type">The type in which linear layers computed.</param>
internal readonly record struct StateKind(bool IsDecoder, int Layers, string Choice, ScalarType Type)
{
    /// <summary>Whether there is one vector a row.</summary>
    public bool IsVector => Choice.Length > 0;
}
