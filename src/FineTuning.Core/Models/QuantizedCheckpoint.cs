using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Models;

/// <summary>
/// A quantized checkpoint's tensors are integers and scales, from which weights would first have to be made; read as they are, they would answer nonsense.
/// Those of bitsandbytes are opened where they are asked for.
/// </summary>
internal static class QuantizedCheckpoint
{
    private static readonly string[] Endings =
        [".SCB", ".absmax", ".quant_map", ".qweight", ".qzeros", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".weight_scale_2"];

    private static readonly string[] Ours = [".SCB", ".absmax", ".quant_map"];

    /// <param name="config">config.json.</param>
    /// <param name="source">The tensors.</param>
    /// <param name="folder">What messages call the checkpoint.</param>
    /// <param name="asked">How the linear layers are to be stored; null: as floating point.</param>
    /// <exception cref="CheckpointException">The configuration or the tensors' names say that it is quantized, and not as is asked for.</exception>
    public static void Refuse(ConfigFile config, ITensorSource source, string folder, WeightQuantization? asked = null)
    {
        const string Remedy = "Take the checkpoint that it was made from, or save it dequantized (model.dequantize() in transformers)";
        bool isOurs = false;
        if (config.Section("quantization_config") is { } section)
        {
            string method = section.Text("quant_method") ?? "an unknown method";
            QuantizationKind? stored = method != "bitsandbytes" ? null
                : section.Flag("load_in_8bit", false) ? QuantizationKind.Int8
                : !section.Flag("load_in_4bit", false) ? null
                : section.Text("bnb_4bit_quant_type") == "nf4" ? QuantizationKind.NormalFloat4 : QuantizationKind.Float4;
            isOurs = stored is not null && stored == asked?.Kind;
            string way = stored is { } kind
                ? $". Or train adapters on it as it is: load the trunk (Pretrained.Trunk) with Quantization = new(QuantizationKind.{kind})" : "";
            if (!isOurs)
                throw config.Fault($"'quantization_config' says that the weights are quantized by {method}; numbers as F32, F16 or BF16 were expected. " +
                    $"{Remedy}{way}");
        }
        foreach (string name in source.Tensors.Keys)
        {
            bool isPart = name.Contains(".quant_state.", StringComparison.Ordinal);
            if (isOurs && (isPart || Array.Exists(Ours, ending => name.EndsWith(ending, StringComparison.Ordinal)))) continue;
            if (!isPart && !Array.Exists(Endings, ending => name.EndsWith(ending, StringComparison.Ordinal))) continue;
            throw new CheckpointException(folder, $"the tensor '{name}' belongs to a quantized weight; numbers as F32, F16 or BF16 were expected. {Remedy}");
        }
    }
}
