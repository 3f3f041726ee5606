using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A part of a linear layer that the checkpoint knows as a module of its own.</summary>
/// <param name="Linear">The layer in memory, which may hold several modules stacked.</param>
/// <param name="Path">The module's name in the checkpoint, with the family's prefix, for example <c>bert.encoder.layer.0.attention.self.query</c>.</param>
/// <param name="Start">Its first output in the layer.</param>
/// <param name="Length">How many outputs it has.</param>
/// <param name="Layout">How the checkpoint stores it.</param>
internal sealed record LinearModule(Linear Linear, string Path, long Start, long Length, TensorLayout Layout)
{
    /// <summary>Numbers that come in.</summary>
    public long Inputs => Linear.Matrix.Columns;

    /// <summary>The depth of its weights.</summary>
    public int Depth => Linear.Matrix.Depth;
}

/// <summary>x W^T + b: the only owner of matrix products with weights.</summary>
/// <remarks>It computes by its <see cref="Matrix"/>, whatever that is stored as, and passes each module's product through
/// the adapter that was attached to it.</remarks>
internal sealed class Linear
{
    private (LinearModule Module, ILinearAdapter Adapter)[] _adapters = [];

    /// <param name="name">This library's name of the layer.</param>
    /// <param name="matrix">The weights.</param>
    /// <param name="bias">[outputs]. Null: none.</param>
    /// <param name="prefix">What precedes the paths.</param>
    /// <param name="path">The path of a layer whose matrix is another module's too. Null: those of the matrix.</param>
    public Linear(string name, Matrix matrix, Weight? bias, string prefix = "", string? path = null)
    {
        (Name, Matrix, Bias) = (name, matrix, bias);
        Modules = [.. matrix.Parts.Select(part =>
            new LinearModule(this, path is null ? prefix + PathOf(part.Name) : PathOf(path), part.Start, part.Length, part.Layout))];
    }

    /// <summary>A layer over a weight of its own.</summary>
    public Linear(Weight weight, Weight? bias = null)
        : this(weight.Name, new DenseMatrix(weight), bias, weight.Parts[0].Prefix)
    {
    }

    /// <summary>This library's name, for example <c>layers.0.attention.projection</c>.</summary>
    public string Name { get; }

    /// <summary>The weights. Replaced where a checkpoint's matrix is stored otherwise.</summary>
    public Matrix Matrix { get; internal set; }

    /// <summary>[outputs]. Null: none.</summary>
    public Weight? Bias { get; }

    /// <summary>The checkpoint's modules in it, by outputs.</summary>
    public IReadOnlyList<LinearModule> Modules { get; }

    /// <summary>Whether an adapter changes what a module gives.</summary>
    public bool IsAdapted => _adapters.Length > 0;

    /// <summary>Lets an adapter change a module's product; it replaces the one that was attached to the module. Not while a pass runs.</summary>
    public void Attach(LinearModule module, ILinearAdapter adapter)
    {
        if (!ReferenceEquals(module.Linear, this)) throw new ArgumentException($"'{module.Path}' is not a module of '{Name}'", nameof(module));
        _adapters = [.. _adapters.Where(own => own.Module != module), (module, adapter)];
    }

    /// <summary>Takes the adapter off a module. Not while a pass runs.</summary>
    public void Detach(LinearModule module) => _adapters = [.. _adapters.Where(own => own.Module != module)];

    /// <param name="input">[.., in]</param>
    /// <param name="context">Its compute type decides the type of the product.</param>
    /// <returns>[.., out]</returns>
    public Tensor Forward(Tensor input, ForwardContext context) => ForwardRows(input, 0, Matrix.Rows, context);

    /// <summary>The product with rows <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> of the matrix alone.</summary>
    /// <returns>[.., count]</returns>
    public Tensor ForwardRows(Tensor input, long start, long count, ForwardContext context)
    {
        Tensor computed = input.dtype == context.ComputeType ? input : input.to(context.ComputeType);
        Tensor product = Matrix.Multiply(computed, Bias, start, count, context);
        if (context.Rows is { } rows) return Adapted(rows.On(this), computed, product, start, count, context);
        if (_adapters.Length == 0) return product;
        Tensor adapted = Adapted(_adapters, computed, product, start, count, context);
        // Nobody else reads it, and what comes next has its memory.
        if (!ReferenceEquals(adapted, product)) product.Dispose();
        return adapted;
    }

    private static Tensor Adapted(IEnumerable<(LinearModule Module, ILinearAdapter Adapter)> adapters, Tensor input, Tensor product, long start, long count,
        ForwardContext context)
    {
        var pieces = new List<Tensor>();
        long done = start;
        foreach ((LinearModule module, ILinearAdapter adapter) in adapters.OrderBy(own => own.Module.Start))
        {
            long from = Math.Max(module.Start, start), to = Math.Min(module.Start + module.Length, start + count);
            if (from >= to) continue;
            if (from > done) pieces.Add(product.narrow(-1, done - start, from - done));
            Tensor own = product.narrow(-1, from - start, to - from);
            pieces.Add(adapter.Apply(input, own, from - module.Start, to - from, context));
            done = to;
        }
        if (pieces.Count == 0) return product;
        if (done < start + count) pieces.Add(product.narrow(-1, done - start, start + count - done));
        if (pieces.Count == 1) return pieces[0];
        Tensor whole = cat(pieces, -1);
        foreach (Tensor piece in pieces) piece.Dispose();
        return whole;
    }

    private static string PathOf(string tensor) => tensor.EndsWith(".weight", StringComparison.Ordinal) ? tensor[..^".weight".Length] : tensor;
}

/// <summary>Changes what a linear module gives. Its weights are in the trunk's or head's <see cref="WeightSet"/>.</summary>
internal interface ILinearAdapter
{
    /// <param name="input">What the layer reads, [.., in], in the compute type.</param>
    /// <param name="product">What the layer gives for some outputs of the module, bias included, [.., count].</param>
    /// <param name="start">The first of these outputs, counted within the module.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="context">The layer's pass; dropout by <see cref="Tensors.DropoutSite.Of(string)"/> of the module's path.</param>
    /// <returns>What replaces the product, of its shape and type.</returns>
    Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context);
}
