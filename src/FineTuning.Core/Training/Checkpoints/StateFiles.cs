using System.Security.Cryptography;
using FineTuning.Errors;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>A run's state as the files of a checkpoint, and back.</summary>
internal static class StateFiles
{
    public const string Extension = ".safetensors";
    private static readonly Dictionary<string, string> Metadata = new() { ["format"] = "pt" };

    /// <summary>Name and writer of each file: one of tensors for each part of the state (weights, optimizer, best, ...), and the rest as JSON.</summary>
    public static IEnumerable<(string Name, Action<Stream> Write)> Of(RunState state, RunFingerprint fingerprint)
    {
        foreach (IGrouping<string, KeyValuePair<string, Tensor>> part in state.Tensors.GroupBy(pair =>
            pair.Key[..pair.Key.IndexOf('/', StringComparison.Ordinal)]))
        {
            (string, Tensor)[] tensors = [.. part.Select(pair => (pair.Key[(part.Key.Length + 1)..], pair.Value))];
            yield return (part.Key + Extension, stream => SafetensorsWriter.Write(stream, tensors, Metadata));
        }
        yield return (RunFile.Name, stream => stream.Write(RunFile.Write(state, fingerprint)));
    }

    /// <summary>Reads a checkpoint after every byte of it was checked.</summary>
    /// <param name="folder">A checkpoint.</param>
    /// <param name="step">The step that its name says.</param>
    /// <exception cref="CheckpointException">It is not whole, or not what was written.</exception>
    public static (RunState State, RunFingerprint Fingerprint) Read(string folder, long step)
    {
        CheckpointManifest manifest = CheckpointManifest.Read(folder);
        if (manifest.Step != step) throw new CheckpointException(folder, $"its manifest is that of step {manifest.Step}");
        Verify(folder, manifest);
        RunFile file = RunFile.Read(Path.Combine(folder, RunFile.Name));
        if (file.Counters.Steps != step) throw new CheckpointException(folder, $"its state is that of step {file.Counters.Steps}");
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        try
        {
            foreach (string name in manifest.Files.Select(entry => entry.Name).Where(name => Path.GetExtension(name) == Extension))
            {
                using SafetensorsFile source = SafetensorsFile.Open(Path.Combine(folder, name));
                foreach (string tensor in source.Tensors.Keys)
                    tensors.Add($"{Path.GetFileNameWithoutExtension(name)}/{tensor}", source.ReadStored(tensor).DetachFromDisposeScope());
            }
            return (new RunState
            {
                Recipe = file.ReadRecipe(), Length = file.Length, Counters = file.Counters, History = file.History, Evaluations = file.Evaluations,
                Warnings = file.Warnings, Selection = file.Selection, Plateau = file.Plateau, Tensors = tensors, Numbers = file.Numbers,
            }, file.Fingerprint);
        }
        catch
        {
            foreach (Tensor tensor in tensors.Values) tensor.Dispose();
            throw;
        }
    }

    private static void Verify(string folder, CheckpointManifest manifest)
    {
        string[] expected = [.. manifest.Files.Select(file => file.Name).Append(CheckpointManifest.Name).Order(StringComparer.Ordinal)];
        string[] found = [.. Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
        if (!expected.SequenceEqual(found))
            throw new CheckpointException(folder, $"it holds {string.Join(", ", found)}; its manifest names {string.Join(", ", expected)}");
        foreach (CheckpointFile file in manifest.Files)
        {
            string path = Path.Combine(folder, file.Name);
            try
            {
                using FileStream stream = InputFile.Open(path);
                if (stream.Length != file.Bytes) throw new CheckpointException(path, $"it has {stream.Length} bytes; {file.Bytes} were written");
                if (Convert.ToHexStringLower(SHA256.HashData(stream)) != file.Sha256)
                    throw new CheckpointException(path, "it was damaged: its hash is another");
            }
            catch (IOException failure)
            {
                throw new CheckpointException(path, $"it cannot be read: {failure.Message}", failure);
            }
        }
    }
}
