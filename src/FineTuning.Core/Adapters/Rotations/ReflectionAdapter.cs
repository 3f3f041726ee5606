using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>HRA (Yuan et al. 2024), equation 2: the inputs are mirrored at learned hyperplanes, W times the product of I - 2 u u^T.</summary>
public sealed record ReflectionAdapter : Adapter
{
    /// <summary>How many mirrors. Default 8.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Whether the mirrors are made orthogonal first (Gram and Schmidt).</summary>
    public bool IsOrthogonal { get; init; }

    internal override string PeftType => "HRA";

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source) => new Mirrored(module, path, this, source);

    internal override void CollectViolations(List<string> violations)
    {
        if (Rank is < 1 or > 65536) violations.Add($"the rank of the adapter is {Rank}; it is from 1 to 65536");
    }

    internal override void Write(JsonObject config) => (config["r"], config["apply_GS"]) = (Rank, IsOrthogonal);

    internal static ReflectionAdapter Read(ConfigFile config) =>
        new() { Rank = config.Count("r", 8, most: 65536), IsOrthogonal = config.Flag("apply_GS", false) };

    private sealed class Mirrored(LinearModule module, string path, ReflectionAdapter options, ParameterSource source) : LinearMethod(module)
    {
        private readonly Weight _u = source.Make(path, "hra_u", [module.Inputs, options.Rank], module.Depth, () =>
            Pairs(module.Inputs, options.Rank, source.Generator));

        public override Tensor Matrix(Tensor matrix)
        {
            var done = new List<Tensor>();
            Tensor result = matrix;
            for (int i = 0; i < options.Rank; i++)
            {
                Tensor column = _u.Value.narrow(1, i, 1);
                if (options.IsOrthogonal)
                {
                    Tensor given = column;
                    foreach (Tensor before in done) column = column - before.mm(before.t().mm(given));
                }
                Tensor unit = column / column.norm();
                done.Add(unit);
                result = result - (result.mm(unit).mm(unit.t()) * Held(2));
            }
            return result;
        }

        // Each mirror twice: the model begins unchanged.
        private static Tensor Pairs(long inputs, int rank, Generator generator)
        {
            Tensor half = randn([inputs, (rank + 1) / 2], generator: generator);
            return half.repeat_interleave(2, 1).narrow(1, 0, rank);
        }
    }
}
