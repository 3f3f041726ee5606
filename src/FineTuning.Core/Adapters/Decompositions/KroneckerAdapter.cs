using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>LoKr (Yeh et al. 2023): the Kronecker product of a small matrix and a larger one of low rank, times alpha / rank.</summary>
public sealed record KroneckerAdapter : Adapter
{
    /// <summary>The rank of the larger factor. Default 8.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>The factor of the change, over the rank. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>The sides of the small matrix; -1: as near to a square root as divides. Default -1.</summary>
    public int Factor { get; init; } = -1;

    internal override string PeftType => "LOKR";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Product(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
        if (Factor is not (-1 or >= 1)) violations.Add($"the factor of the adapter is {Factor}; it is -1 or above 0");
    }

    internal override void Write(JsonObject config) => (config["r"], config["alpha"], config["decompose_factor"], config["decompose_both"]) = (Rank, Alpha,
        Factor, false);

    internal static KroneckerAdapter Read(ConfigFile config)
    {
        if (config.Flag("decompose_both", false)) throw config.Fault("'decompose_both' is true, which is not supported");
        return new() { Rank = config.Count("r", 8, most: 65536), Alpha = config.Number("alpha", 8, 0, 1e9),
            Factor = config.Count("decompose_factor", -1, least: -1) };
    }

    /// <summary>The two sides of a dimension: the smaller is the largest divisor that is at most the factor, or the root.</summary>
    private static (long Small, long Large) Sides(long size, int factor)
    {
        if (factor > 0 && size % factor == 0) return (Math.Min(factor, size / factor), Math.Max(factor, size / factor));
        long limit = factor > 0 ? factor : (long)Math.Sqrt(size), small = 1;
        for (long side = 2; side <= limit && side * side <= size; side++) if (size % side == 0) small = side;
        return (small, size / small);
    }

    private sealed class Product : LinearMethod
    {
        private readonly Weight _small, _a;
        private readonly Weight? _b;
        private readonly double _scale;

        public Product(LinearModule module, string path, KroneckerAdapter options, ParameterSource source)
            : base(module)
        {
            int depth = module.Depth, rank = options.Rank;
            (long rows, long tall) = Sides(module.Length, options.Factor);
            (long columns, long wide) = Sides(module.Inputs, options.Factor);
            _small = source.Make(path, "lokr_w1", [rows, columns], depth, () => zeros(rows, columns));
            // A factor that would not be smaller stays whole.
            if (rank < Math.Max(tall, wide) / 2.0)
            {
                _a = source.Make(path, "lokr_w2_a", [tall, rank], depth, () => LoraFactors.Uniform(tall, rank, source.Generator));
                _b = source.Make(path, "lokr_w2_b", [rank, wide], depth, () => LoraFactors.Uniform(rank, wide, source.Generator));
                _scale = options.Alpha / rank;
                return;
            }
            _a = source.Make(path, "lokr_w2", [tall, wide], depth, () => LoraFactors.Uniform(tall, wide, source.Generator));
            _scale = options.Alpha / rank;
        }

        public override Tensor Delta() => kron(_small.Value, _b is null ? _a.Value : _a.Value.mm(_b.Value)) * Held(_scale);

        public override Tensor Matrix(Tensor matrix) => matrix.Plus(Delta());
    }
}
