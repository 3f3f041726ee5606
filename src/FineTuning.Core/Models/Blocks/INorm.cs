using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A normalization over the last dimension.</summary>
internal interface INorm
{
    /// <param name="input">[.., width]; computed in the type of the gain.</param>
    /// <returns>[.., width], in the type of the gain</returns>
    Tensor Forward(Tensor input);
}
