using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Plain LoRA of one whose start changed the base: B A - B0 A0 is the product of [B, -B0] and [A; A0] (Meng et al. 2024, appendix C).</summary>
internal static class PlainLora
{
    /// <param name="name">The adapter's name.</param>
    /// <param name="built">The adapter.</param>
    /// <exception cref="InvalidOptionsException">It is no LoRA with such a start.</exception>
    public static AdapterTensors Of(string name, BuiltAdapter built)
    {
        if (built.Options is not LoraAdapter { Start: LoraStart.PrincipalComponents or LoraStart.Orthonormal } own)
            throw new InvalidOptionsException([$"the adapter '{name}' has no start that changed the base: there is nothing to convert"]);
        // The scale stays: of the root of twice the rank, alpha grows by the root of two.
        double factor = own.IsRankStabilised ? Math.Sqrt(2) : 2;
        var plain = new AdapterTensors(own with
        {
            Start = LoraStart.Zero, Rank = 2 * own.Rank, Alpha = factor * own.Alpha,
            RankPatterns = [.. own.RankPatterns.Select(pair => KeyValuePair.Create(pair.Key, 2 * pair.Value))],
            AlphaPatterns = [.. own.AlphaPatterns.Select(pair => KeyValuePair.Create(pair.Key, factor * pair.Value))],
        });
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        foreach ((string key, Func<Tensor> value) in built.Entries) plain.Add(key, value().detach().clone());
        foreach (LoraLinear linear in built.Linears.OfType<LoraLinear>())
        {
            if (linear.Taken is not { } taken) continue;
            string path = ParameterSource.Prefix + linear.Path;
            plain.Add($"{path}.lora_A.weight", cat([linear.A, taken.A], 0));
            plain.Add($"{path}.lora_B.weight", cat([linear.B, taken.B.neg()], 1));
        }
        return plain;
    }
}
