using FineTuning.Models;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>What an adapter learned to stand before every text.</summary>
/// <param name="count">Positions that it takes.</param>
/// <param name="table">Makes the numbers, [rows, numbers of a position]; of more rows than positions the first count.</param>
/// <param name="layers">For keys and values: where those of each layer begin in a row, in units of <paramref name="heads"/> x width. Null: the rows are
/// vectors.</param>
/// <param name="heads">For keys and values: heads of keys.</param>
internal sealed class LearnedPrompt(
    long count, Func<ForwardContext, Tensor> table, IReadOnlyList<(int Key, int Value)>? layers = null, (long Heads, long Width) heads = default) : ITrunkPrompt
{
    public long Count { get; } = count;

    public bool IsPrefix => layers is not null;

    public Tensor Vectors(ForwardContext context) => table(context).narrow(0, 0, Count);

    public IReadOnlyList<(Tensor Keys, Tensor Values)> Prefix(ForwardContext context)
    {
        Tensor all = table(context);
        Tensor[] entries = all.view(Count, -1, heads.Heads, heads.Width).permute(1, 2, 0, 3).unbind(0);
        return [.. layers!.Select(layer => (entries[layer.Key], entries[layer.Value]))];
    }
}
