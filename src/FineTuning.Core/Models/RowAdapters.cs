using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// The adapters of the rows of one batch, where rows ask for different ones: the base computes for all together, each adapter for its own rows.
/// </summary>
/// <param name="count">Rows of the batch.</param>
/// <remarks>Made for a pass, inside its dispose scope. Rows that ask for none get the base.</remarks>
internal sealed class RowAdapters(long count)
{
    [ThreadStatic]
    private static RowAdapters? _current;

    private readonly Dictionary<LinearModule, RowGroups> _groups = [];

    /// <summary>Those of the batch that this thread computes. Null: all rows get what is attached to the modules.</summary>
    public static RowAdapters? Current => _current;

    /// <summary>Lets an adapter change what some rows get of a module.</summary>
    /// <param name="module">The module.</param>
    /// <param name="adapter">Changes it.</param>
    /// <param name="rows">Which rows, int64.</param>
    public void Add(LinearModule module, ILinearAdapter adapter, Tensor rows)
    {
        if (!_groups.TryGetValue(module, out RowGroups? own)) _groups[module] = own = new(count);
        own.Groups.Add((adapter, rows));
    }

    /// <summary>The adapters of a layer, by modules.</summary>
    public IEnumerable<(LinearModule Module, ILinearAdapter Adapter)> On(Linear linear)
    {
        foreach (LinearModule module in linear.Modules)
        {
            if (_groups.TryGetValue(module, out RowGroups? own)) yield return (module, own);
        }
    }

    /// <summary>Computes a batch with the adapters of its rows.</summary>
    public static TResult Within<TResult>(RowAdapters? rows, Func<TResult> compute)
    {
        RowAdapters? outer = _current;
        _current = rows;
        try
        {
            return compute();
        }
        finally
        {
            _current = outer;
        }
    }

    private sealed class RowGroups(long count) : ILinearAdapter
    {
        public List<(ILinearAdapter Adapter, Tensor Rows)> Groups { get; } = [];

        public Tensor Apply(Tensor input, Tensor product, long start, long outputs, ForwardContext context)
        {
            if (input.shape[0] != count)
                throw new InvalidOperationException($"a product over {input.shape[0]} rows cannot tell the {count} rows of a batch apart, " +
                    "which ask for different adapters: predict with one adapter at a time (UseAdapter)");
            foreach ((ILinearAdapter adapter, Tensor rows) in Groups)
            {
                Tensor own = adapter.Apply(input.index_select(0, rows), product.index_select(0, rows), start, outputs, context);
                product = product.index_copy(0, rows, own);
            }
            return product;
        }
    }
}
