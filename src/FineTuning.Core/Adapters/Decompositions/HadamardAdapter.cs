using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>LoHa (Hyeon-Woo et al. 2021), equation 1: the element-wise product of two low-rank products, times alpha / rank.</summary>
public sealed record HadamardAdapter : Adapter
{
    /// <summary>The rank of each product. Default 8.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>The factor of the change, over the rank. Default 8.</summary>
    public double Alpha { get; init; } = 8;

    internal override string PeftType => "LOHA";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Products(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
    }

    internal override void Write(JsonObject config) => (config["r"], config["alpha"]) = (Rank, Alpha);

    internal static HadamardAdapter Read(ConfigFile config) => new() { Rank = config.Count("r", 8, most: 65536), Alpha = config.Number("alpha", 8, 0, 1e9) };

    private sealed class Products : LinearMethod
    {
        private readonly Weight _a1, _b1, _a2, _b2;
        private readonly double _scale;

        public Products(LinearModule module, string path, HadamardAdapter options, ParameterSource source)
            : base(module)
        {
            int depth = module.Depth, rank = options.Rank;
            Tensor Drawn(long rows, long columns, double deviation) => randn([rows, columns], generator: source.Generator) * Held(deviation);
            _a1 = source.Make(path, "hada_w1_a", [module.Length, rank], depth, () => Drawn(module.Length, rank, 0.1));
            _b1 = source.Make(path, "hada_w1_b", [rank, module.Inputs], depth, () => Drawn(rank, module.Inputs, 1));
            _a2 = source.Make(path, "hada_w2_a", [module.Length, rank], depth, () => zeros(module.Length, rank));
            _b2 = source.Make(path, "hada_w2_b", [rank, module.Inputs], depth, () => Drawn(rank, module.Inputs, 1));
            _scale = options.Alpha / rank;
        }

        public override Tensor Delta() => _a1.Value.mm(_b1.Value) * _a2.Value.mm(_b2.Value) * Held(_scale);

        public override Tensor Matrix(Tensor matrix) => matrix.Plus(Delta());
    }
}
