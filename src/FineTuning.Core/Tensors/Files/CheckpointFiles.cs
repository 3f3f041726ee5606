using System.Text.Json;
using FineTuning.Errors;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Finds the weights of a checkpoint folder: safetensors before pickles, one file or shards with an index.</summary>
internal static class CheckpointFiles
{
    private const long LargestIndex = 64L << 20;

    /// <exception cref="CheckpointException">No weights, or a file is missing, damaged or hostile.</exception>
    public static ITensorSource Open(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        string single = Path.Combine(folder, "model.safetensors");
        if (File.Exists(single)) return SafetensorsFile.Open(single);
        string index = Path.Combine(folder, "model.safetensors.index.json");
        if (File.Exists(index)) return Sharded(folder, index, SafetensorsFile.Open);
        string pickle = Path.Combine(folder, "pytorch_model.bin");
        if (File.Exists(pickle)) return PickleFile.Open(pickle);
        index = Path.Combine(folder, "pytorch_model.bin.index.json");
        if (File.Exists(index)) return Sharded(folder, index, PickleFile.Open);
        throw new CheckpointException(folder, "it holds no weights; model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json was expected");
    }

    private static ShardedSource Sharded(string folder, string index, Func<string, ITensorSource> open)
    {
        var shards = new Dictionary<string, ITensorSource>(StringComparer.Ordinal);
        var places = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach ((string tensor, string file) in ReadIndex(index))
            {
                if (!shards.ContainsKey(file)) shards[file] = open(ShardPath(folder, index, file));
                if (!shards[file].Tensors.ContainsKey(tensor)) throw new CheckpointException(Path.Combine(folder, file), $"the index says that it holds '{tensor}', but it does not");
                places[tensor] = file;
            }
            return new ShardedSource(index, shards, places);
        }
        catch
        {
            foreach (ITensorSource shard in shards.Values) shard.Dispose();
            throw;
        }
    }

    private static string ShardPath(string folder, string index, string file)
    {
        // One rule for every system: a shard is a plain name in the same folder.
        if (file.Length == 0 || file is "." or ".." || file.AsSpan().IndexOfAny("/\\:\0") >= 0) throw new CheckpointException(index, $"it names the shard '{file}', which is outside the folder");
        string path = Path.Combine(folder, file);
        if (!File.Exists(path)) throw new CheckpointException(path, $"this shard is named by {Path.GetFileName(index)}, but is missing");
        return path;
    }

    private static List<(string Tensor, string File)> ReadIndex(string index)
    {
        if (new FileInfo(index).Length > LargestIndex) throw new CheckpointException(index, $"it is larger than {LargestIndex >> 20} MiB");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(index), new JsonDocumentOptions { MaxDepth = 16 });
            return [.. document.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString() ?? ""))];
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CheckpointException(index, $"it is no index of shards ({fault.Message}); an object 'weight_map' from tensor to file was expected", fault);
        }
    }

    private sealed class ShardedSource(string index, Dictionary<string, ITensorSource> shards, Dictionary<string, string> places) : ITensorSource
    {
        public IReadOnlyDictionary<string, StoredTensor> Tensors { get; } = places.ToDictionary(pair => pair.Key, pair => shards[pair.Value].Tensors[pair.Key], StringComparer.Ordinal);

        public Tensor Read(string name) => places.TryGetValue(name, out string? file)
            ? shards[file].Read(name)
            : throw new CheckpointException(index, $"it names no tensor '{name}'");

        public void Dispose()
        {
            foreach (ITensorSource shard in shards.Values) shard.Dispose();
        }
    }
}
