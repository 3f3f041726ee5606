using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>A method on one linear module: the matrix that it makes of the module's own. Merging, running and gradients follow from that one
/// function.</summary>
/// <param name="module">The module.</param>
internal abstract class LinearMethod(LinearModule module) : ILinearAdapter
{
    public LinearModule Module { get; } = module;

    /// <summary>A bias that trains in place of the module's; null: the module's own counts.</summary>
    public Weight? OwnBias { get; set; }

    /// <summary>The matrix that the adapter makes.</summary>
    /// <param name="matrix">[outputs, inputs] in the file's order of outputs, float32 or wider.</param>
    /// <returns>[outputs, inputs]</returns>
    public abstract Tensor Matrix(Tensor matrix);

    /// <summary>What is added to the matrix, where the method adds; null: it does something else.</summary>
    public virtual Tensor? Delta() => null;

    /// <summary>The bias that the adapter makes.</summary>
    /// <param name="bias">[outputs]; null: the module has none.</param>
    public virtual Tensor? BiasOf(Tensor? bias) => OwnBias?.Value ?? bias;

    /// <summary>Whether it is what it was at the start, where nothing was changed: nothing was learned.</summary>
    public virtual bool IsStill => false;

    /// <summary>What is added to the loss for it, a scalar; null: nothing.</summary>
    public virtual Tensor? Penalty() => null;

    /// <inheritdoc/>
    public virtual Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context)
    {
        Tensor matrix = FromFile(Matrix(BaseMatrix())).narrow(0, start, count);
        Tensor? bias = BiasOf(BaseBias());
        bias = bias is null ? null : FromFile(bias).narrow(0, start, count);
        Tensor values = input.dtype == matrix.dtype ? input : input.to(matrix.dtype);
        return nn.functional.linear(values, matrix, bias).to(product.dtype);
    }

    /// <summary>The module's rows of the matrix, in the file's order of outputs, float32 or wider.</summary>
    public Tensor BaseMatrix() => ToFile(Widened(Module.Linear.Matrix.Values(Module.Start, Module.Length)));

    /// <summary>The module's bias, in the file's order; null: it has none.</summary>
    public Tensor? BaseBias() => Module.Linear.Bias is { } bias ? ToFile(Widened(bias.Value.narrow(0, Module.Start, Module.Length))) : null;

    /// <summary>Rows in the file's order, in the order here. Conv1D turns the base's matrix, but not what an adapter stores.</summary>
    protected Tensor FromFile(Tensor rows) => Module.Layout == TensorLayout.Transposed ? rows : Module.Layout.FromFile(rows);

    /// <summary>The product with a bias that trains in place of the module's.</summary>
    protected Tensor WithOwnBias(Tensor product, long start, long count) =>
        OwnBias is null ? product : product.Plus(FromFile(OwnBias.Value - BaseBias()!).narrow(0, start, count));

    /// <summary>Writes the adapter into the module's weights.</summary>
    /// <param name="safe">Rounds what is added to the base's type before it is added, as PEFT's safe_merge does.</param>
    /// <exception cref="NonFiniteException">The result is not finite.</exception>
    public void Merge(bool safe)
    {
        Tensor target = Dense(Module).Weight.Value.narrow(0, Module.Start, Module.Length);
        Tensor merged = safe && Delta() is { } delta ? target.Plus(FromFile(delta).to(target.dtype)) : FromFile(Matrix(BaseMatrix()));
        Tensor? bias = BiasOf(BaseBias());
        if (!merged.isfinite().all().item<bool>() || bias?.isfinite().all().item<bool>() == false)
        {
            throw new NonFiniteException($"merging the adapter into '{Module.Path}' gives NaN or infinite numbers; nothing was changed in it. Take an " +
                $"earlier state of the adapter");
        }
        target.copy_(merged);
        if (bias is null) return;
        if (Module.Linear.Bias is not { } own) throw new InvalidOperationException($"'{Module.Path}' has no bias, but the adapter has one: it cannot be " +
            $"merged; keep the adapter beside the model");
        own.Value.narrow(0, Module.Start, Module.Length).copy_(FromFile(bias));
    }

    /// <summary>The matrix of a module, which is not quantised.</summary>
    public static DenseMatrix Dense(LinearModule module) => module.Linear.Matrix as DenseMatrix
        ?? throw new InvalidOperationException($"the matrix of '{module.Path}' is quantised, and what is merged would be rounded away. Load the model " +
            $"without quantisation, put the adapter on it and merge it there");

    protected static Tensor Widened(Tensor value) => value.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? value.to(ScalarType.Float32) : value;

    private Tensor ToFile(Tensor rows) => Module.Layout == TensorLayout.Transposed ? rows : Module.Layout.ToFile(rows);
}

/// <summary>A method on an embedding table.</summary>
/// <param name="table">The table.</param>
internal abstract class TableMethod(EmbeddingTable table) : IEmbeddingAdapter
{
    public EmbeddingTable Table { get; } = table;

    /// <summary>Whether it is what it was at the start, where nothing was changed: nothing was learned.</summary>
    public virtual bool IsStill => false;

    /// <inheritdoc/>
    public abstract Tensor Apply(Tensor ids, Tensor rows, ForwardContext context);

    /// <summary>The table that the adapter makes, [rows, width].</summary>
    public abstract Tensor Matrix(Tensor table);
}
