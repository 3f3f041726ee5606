using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>LoRA on a linear module: y = W x + s (B A x + b) - s B0 A0 x, where B0 A0 is what a start took out of the matrix; with magnitudes, DoRA.</summary>
internal sealed class LoraLinear : LinearMethod, IDisposable
{
    private readonly Weight _a;
    private readonly Weight _b;
    private readonly Weight? _bias;
    private readonly Weight? _magnitude;
    private readonly LoraFactors? _taken;
    private readonly double _scale;
    private readonly bool _startsAtZero;
    private readonly double _dropout;
    private readonly int _site;

    public LoraLinear(LinearModule module, string path, LoraAdapter options, ParameterSource source)
        : base(module)
    {
        (int rank, _scale) = options.Of(path);
        Path = path;
        (_dropout, _site) = (options.Dropout, DropoutSite.Of(path));
        _startsAtZero = options.Start == LoraStart.Zero;
        int depth = module.Depth;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        LoraFactors? start = LoraFactors.Of(options.Start, BaseMatrix(), rank, _scale);
        Tensor Drawn() => LoraFactors.Uniform(rank, module.Inputs, source.Generator);
        _a = source.Make(path, "lora_A.weight", [rank, module.Inputs], depth, () => start?.A ?? Drawn(), isOwn: start is null);
        _b = source.Make(path, "lora_B.weight", [module.Length, rank], depth, () => start?.B ?? zeros(module.Length, rank),
            trains: options.Start != LoraStart.MinorComponents, isOwn: start is null);
        if (options.HasBias) _bias = source.Make(path, "lora_B.bias", [module.Length], depth, () => zeros(module.Length));
        if (options.Start is LoraStart.PrincipalComponents or LoraStart.Orthonormal) _taken = start!.Kept();
        if (options.HasMagnitudes) _magnitude = source.Make(path, "lora_magnitude_vector", [module.Length], depth, () => Norms(Changed(BaseMatrix())));
    }

    /// <summary>The module's path in the adapter's file.</summary>
    public string Path { get; }

    /// <summary>[rank, inputs]</summary>
    public Tensor A => _a.Value;

    /// <summary>[outputs, rank]</summary>
    public Tensor B => _b.Value;

    /// <summary>Of the product.</summary>
    public double Scale => _scale;

    /// <summary>What its start took out of the matrix; null: nothing.</summary>
    public LoraFactors? Taken => _taken;

    /// <summary>Whether it is a scaled product and no more.</summary>
    public bool IsPlain => _magnitude is null && _bias is null && _taken is null && OwnBias is null;

    /// <summary>Whether B is what it was at the start, all zero: nothing was learned.</summary>
    public override bool IsStill => _startsAtZero && !_b.Value.any().item<bool>();

    public override Tensor? Delta() => _magnitude is not null ? null
        : _taken is null ? _b.Value.mm(_a.Value) * Held(_scale) : (_b.Value.mm(_a.Value) - _taken.B.mm(_taken.A)) * Held(_scale);

    public override Tensor Matrix(Tensor matrix) => _magnitude is null ? matrix.Plus(Delta()!) : Changed(matrix) * Ratio(matrix).unsqueeze(1);

    public override Tensor? BiasOf(Tensor? bias)
    {
        Tensor? own = base.BiasOf(bias);
        if (_bias is null) return own;
        Tensor added = _bias.Value * Held(_scale);
        return own is null ? added : own.Plus(added);
    }

    public override Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context)
    {
        ScalarType type = _a.Value.dtype;
        Tensor values = input.dtype == type ? input : input.to(type);
        Tensor dropped = context.Dropout(values, _dropout, _site);
        Tensor own = WithOwnBias(product.dtype == type ? product : product.to(type), start, count);
        Tensor b = FromFile(_b.Value).narrow(0, start, count);
        if (_magnitude is null) return Adapted(own, dropped, b, start, count).to(product.dtype);

        Tensor low = Adapted(null, dropped, b, start, count);
        Tensor ratio = FromFile(Ratio(BaseMatrix())).narrow(0, start, count);
        Tensor? bias = OwnBias?.Value ?? BaseBias();
        if (bias is not null) bias = FromFile(bias).narrow(0, start, count);
        Tensor unbiased = bias is null ? own : own - bias;
        if (!ReferenceEquals(dropped, values))
        {
            // What is dropped, is dropped in the change of magnitude too.
            Tensor seen = nn.functional.linear(dropped, FromFile(BaseMatrix()).narrow(0, start, count));
            return own.Plus(seen * ratio.Plus(-1)).Plus(low * ratio).to(product.dtype);
        }
        Tensor scaled = unbiased.Plus(low) * ratio;
        return (bias is null ? scaled : scaled.Plus(bias)).to(product.dtype);
    }

    public void Dispose()
    {
        _taken?.A.Dispose();
        _taken?.B.Dispose();
    }

    // A product with what the adapter adds; without a product, that alone.
    private Tensor Adapted(Tensor? product, Tensor input, Tensor b, long start, long count)
    {
        Tensor adapted = Added(product, input, _a.Value, b, _scale);
        if (_bias is not null) adapted = adapted.Plus(FromFile(_bias.Value).narrow(0, start, count) * Held(_scale));
        return _taken is null ? adapted : Added(adapted, input, _taken.A, FromFile(_taken.B).narrow(0, start, count), -_scale);
    }

    // One product that adds: what B gives is never a tensor of its own, and the few numbers between A and B are scaled.
    private static Tensor Added(Tensor? product, Tensor input, Tensor a, Tensor b, double scale)
    {
        Tensor low = nn.functional.linear(input, a) * Held(scale);
        if (product is null) return nn.functional.linear(low, b);
        return product.reshape(-1, product.shape[^1]).addmm(low.reshape(-1, low.shape[^1]), b.t(), 1, 1).view(product.shape);
    }

    private Tensor Changed(Tensor matrix) => matrix.Plus(_b.Value.mm(_a.Value) * Held(_scale));

    // The norm is a constant in the backward pass (Liu et al. 2024, section 4.3).
    private Tensor Ratio(Tensor matrix)
    {
        Tensor norms;
        using (no_grad()) norms = Norms(Changed(matrix));
        return _magnitude!.Value / norms;
    }

    private static Tensor Norms(Tensor matrix) => linalg.norm(matrix, dims: [1]);
}
