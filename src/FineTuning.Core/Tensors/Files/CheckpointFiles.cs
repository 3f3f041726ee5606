using System.Text.Json.Nodes;
using FineTuning.Errors;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Finds the weights of a checkpoint folder: safetensors before pickles, one file or shards with an index.</summary>
internal static class CheckpointFiles
{
    private const long LargestIndex = 32L << 20;
    private const int MostShards = 4096;
    private const int LongestName = 100;

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
        throw new CheckpointException(
            folder, "it holds no weights; model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json was expected");
    }

    private static ShardedSource Sharded(string folder, string index, Func<string, ITensorSource> open)
    {
        var shards = new Dictionary<string, ITensorSource>(StringComparer.Ordinal);
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach ((string tensor, string file) in ReadIndex(index))
            {
                if (!shards.TryGetValue(file, out ITensorSource? shard))
                {
                    if (shards.Count == MostShards) throw new CheckpointException(index, $"it names more than {MostShards} files");
                    shards[file] = shard = open(ShardPath(folder, index, file));
                }
                if (!shard.Tensors.ContainsKey(tensor))
                {
                    throw new CheckpointException(Path.Combine(folder, file), $"the index says that it holds '{Shorten(tensor)}', but it does not");
                }
                files[tensor] = file;
            }
            return new ShardedSource(index, shards, files);
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
        if (file.Length == 0 || file is "." or ".." || file.AsSpan().IndexOfAny("/\\:\0") >= 0)
        {
            throw new CheckpointException(index, $"it names the shard '{Shorten(file)}', which is outside the folder");
        }
        string path = Path.Combine(folder, file);
        if (!File.Exists(path)) throw new CheckpointException(index, $"the shard '{Shorten(file)}' that it names is missing");
        return path;
    }

    private static IEnumerable<(string Tensor, string File)> ReadIndex(string index)
    {
        if (StrictJson.ReadObject(index, LargestIndex)["weight_map"] is not JsonObject map)
        {
            throw new CheckpointException(index, "it is no index of shards; an object 'weight_map' from tensor to file was expected");
        }
        foreach ((string tensor, JsonNode? file) in map)
        {
            if (file is not JsonValue value || !value.TryGetValue(out string? name))
            {
                throw new CheckpointException(index, $"the file of '{Shorten(tensor)}' is not a string");
            }
            yield return (tensor, name);
        }
    }

    private static string Shorten(string name) => name.Length <= LongestName ? name : string.Concat(name.AsSpan(0, LongestName), "…");

    private sealed class ShardedSource(string index, Dictionary<string, ITensorSource> shards, Dictionary<string, string> files) : ITensorSource
    {
        public IReadOnlyDictionary<string, StoredTensor> Tensors { get; } =
            files.ToDictionary(pair => pair.Key, pair => shards[pair.Value].Tensors[pair.Key], StringComparer.Ordinal);

        public Tensor Read(string name) => ShardOf(name).Read(name);

        public Tensor ReadAs(string name, ScalarType type) => ShardOf(name).ReadAs(name, type);

        private ITensorSource ShardOf(string name) => files.TryGetValue(name, out string? file)
            ? shards[file]
            : throw new CheckpointException(index, $"it names no tensor '{Shorten(name)}'");

        public void Dispose()
        {
            foreach (ITensorSource shard in shards.Values) shard.Dispose();
        }
    }
}
