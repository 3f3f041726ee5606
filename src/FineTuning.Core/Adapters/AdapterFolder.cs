using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>An adapter's folder, as PEFT reads and writes it: adapter_config.json and adapter_model.safetensors.</summary>
internal static class AdapterFolder
{
    private const string WeightsName = "adapter_model.safetensors";

    /// <summary>Builds the folder's adapter for a model.</summary>
    /// <param name="folder">As PEFT or this library wrote it.</param>
    /// <param name="head">The model.</param>
    /// <param name="anyBase">Whether a base of the same shapes will do.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, of a method that is not supported, or of another base.</exception>
    public static BuiltAdapter Read(string folder, OutputHead head, bool anyBase)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        Adapter adapter = AdapterConfig.Read(folder);
        string path = Path.Combine(folder, WeightsName);
        if (!File.Exists(path))
        {
            throw new CheckpointException(path,
                "it is missing; an adapter's folder holds adapter_config.json and adapter_model.safetensors (pickled adapters are not read: convert them)");
        }
        using var file = SafetensorsFile.Open(path);
        if (!anyBase)
        {
            using WeightPass pass = head.Weights.Enter();
            BaseFingerprint.Require(file.Metadata, head, path);
        }
        return AdapterBuilder.Build(head, adapter, file, path, 0);
    }

    /// <summary>Writes an adapter; the folder is whole or as it was. Called inside a pass.</summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <param name="built">The adapter.</param>
    /// <param name="head">The model that it is on.</param>
    /// <exception cref="NonFiniteException">The adapter holds NaN or infinite numbers.</exception>
    public static void Write(string folder, BuiltAdapter built, OutputHead head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        (string Key, Tensor Value)[] tensors = [.. built.Entries.Select(entry => (entry.Key, entry.Value().detach().contiguous()))
            .OrderBy(entry => entry.Key, StringComparer.Ordinal)];
        string[] infinite = [.. tensors.Where(entry => !entry.Value.isfinite().all().item<bool>()).Select(entry => entry.Key)];
        if (infinite.Length > 0)
            throw new NonFiniteException($"the adapter's {string.Join(", ", infinite.Take(5))} hold NaN or infinite numbers: it is not saved");
        Adapter written = built.Options.Targets == ModuleTargets.ByFamily && built.Paths.Count > 0
            ? built.Options.With(ModuleTargets.ByFamily.Named([.. built.Paths])) : built.Options;
        AtomicFolder.Write(folder, target =>
        {
            File.WriteAllText(Path.Combine(target, AdapterConfig.FileName), AdapterConfig.Write(written, TaskType(head.Kind)));
            SafetensorsWriter.Write(Path.Combine(target, WeightsName), tensors, BaseFingerprint.Mark(head));
        });
    }

    private static string? TaskType(HeadKind kind) => kind == HeadKind.SequenceClassification ? "SEQ_CLS"
        : kind == HeadKind.TokenClassification ? "TOKEN_CLS"
        : kind == HeadKind.QuestionAnswering ? "QUESTION_ANS"
        : kind == HeadKind.CausalLanguage ? "CAUSAL_LM"
        : kind == HeadKind.SequenceToSequence ? "SEQ_2_SEQ_LM" : null;
}
