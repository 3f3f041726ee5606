using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Models;

/// <summary>
/// A quantized checkpoint's tensors are integers and scales, from which weights would first have to be made; read as they are, they would answer nonsense.
/// </summary>
internal static class QuantizedCheckpoint
{
    private static readonly string[] Endings =
        [".SCB", ".absmax", ".quant_map", ".qweight", ".qzeros", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".weight_scale_2"];

    /// <exception cref="CheckpointException">The configuration or the tensors' names say that it is quantized.</exception>
    public static void Refuse(ConfigFile config, ITensorSource source, string folder)
    {
        const string Remedy = "Take the checkpoint that it was made from, or save it dequantized (model.dequantize() in transformers)";
        if (config.Has("quantization_config"))
        {
            string method = config.Section("quantization_config")!.Text("quant_method") ?? "an unknown method";
            throw config.Fault($"'quantization_config' says that the weights are quantized by {method}; numbers as F32, F16 or BF16 were expected. {Remedy}");
        }
        foreach (string name in source.Tensors.Keys)
        {
            if (!Array.Exists(Endings, ending => name.EndsWith(ending, StringComparison.Ordinal)) && !name.Contains(".quant_state.", StringComparison.Ordinal))
                continue;
            throw new CheckpointException(folder, $"the tensor '{name}' belongs to a quantized weight; numbers as F32, F16 or BF16 were expected. {Remedy}");
        }
    }
}
