using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Saves a head with its encoder and tokenizer.</summary>
internal static class HeadFolder
{
    /// <param name="folder">Where to; whole or as it was.</param>
    /// <param name="head">Trunk and head.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="labels">What config.json says of the outputs. Null: what it said before.</param>
    /// <param name="further">Writes files beside them. Null: there are none.</param>
    public static void Save(string folder, OutputHead head, PretrainedTokenizer tokenizer, SavedLabels? labels = null, Action<string>? further = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        AtomicFolder.Write(folder, target =>
        {
            head.Save(target, labels);
            tokenizer.Save(target);
            further?.Invoke(target);
        });
    }
}
