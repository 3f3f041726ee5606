using System.Text.Json;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Generation;

/// <summary>Keys and values of every layer after a prompt and after two more tokens, against the reference.</summary>
public sealed class GoldenCacheTests
{
    public static TheoryData<string> Cases() => Goldens.Folder("generation", "kv") is { } folder && File.Exists(Path.Combine(folder, "cases.jsonl"))
        ? [.. GenerationGoldens.Lines(Path.Combine(folder, "cases.jsonl")).Select(test => test.GetProperty("name").GetString()!)] : [];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Keys_and_values_equal_the_reference(string name)
    {
        JsonElement test = GenerationGoldens.Lines(GenerationGoldens.RequireFile("kv", "cases.jsonl")).First(line => line.GetProperty("name").GetString() == name);
        GoldenModel model = GoldenModel.Require(test.GetProperty("model").GetString()!);
        using SafetensorsFile file = SafetensorsFile.Open(GenerationGoldens.RequireFile("kv", name + ".safetensors"));
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using OutputHead head = model.Load();
        using var cache = new RecordingCache();
        ForwardContext context = ForwardContext.Evaluation();
        Tensor? padding = GenerationGoldens.Mask(test) is { } mask ? Bools(mask) : null;
        Tensor? sourceMask = GenerationGoldens.Mask(test, "encoder_attention_mask") is { } read ? Bools(read) : null;
        Tensor? memory = model.IsEncoderDecoder ? head.Trunk.Encode(new(Ids(test.GetProperty("encoder_input_ids")), null, sourceMask), context) : null;
        if (memory is not null) Near(file.Read("encoder_last_hidden_state"), memory, null, "encoder");
        int number = 0;
        foreach (JsonElement step in test.GetProperty("steps").EnumerateArray())
        {
            Tensor ids = Ids(step.GetProperty("input_ids"));
            if (padding is not null && number > 0) padding = cat([padding, ones([ids.shape[0], 1], ScalarType.Bool)], 1);
            Tensor hidden = head.Trunk.Hidden(new(ids, null, padding) { Cache = cache, Memory = memory, MemoryMask = sourceMask }, context, WantedStates.LastReal);
            Near(file.Read($"step{number}.logits"), head.Score(hidden.squeeze(1), context), null, $"logits {number}");
            foreach ((string kind, Dictionary<int, (Tensor Keys, Tensor Values)> found) in new[] { ("self", cache.Own), ("cross", cache.Crossed) })
            {
                foreach ((int layer, (Tensor keys, Tensor values)) in found)
                {
                    string key = $"step{number}.{kind}.{layer}";
                    if (!file.Tensors.ContainsKey(key + ".key")) continue;
                    Near(file.Read(key + ".key"), keys, kind == "self" ? padding : sourceMask, key + ".key");
                    Near(file.Read(key + ".value"), values, kind == "self" ? padding : sourceMask, key + ".value");
                }
            }
            number++;
        }
        Assert.True(number > 1 && cache.Own.Count > 0);
    }

    // Where the reference drops what a window no longer sees, ours may keep it: the last columns are compared.
    private static void Near(Tensor expected, Tensor found, Tensor? real, string what)
    {
        using var scope = NewDisposeScope();
        if (expected.dim() == 4 && found.shape[2] > expected.shape[2])
        {
            long kept = expected.shape[2];
            if (real is not null) real = real.narrow(1, real.shape[1] - kept, kept);
            found = found.narrow(2, found.shape[2] - kept, kept);
        }
        Assert.Equal(expected.shape, found.shape);
        Tensor difference = (expected - found).abs();
        if (real is not null) difference = difference.masked_fill(real.logical_not().unsqueeze(1).unsqueeze(3), Held(0));
        Assert.True(difference.max().Number() <= 1e-4, $"{what} differs by {difference.max().Number()}");
    }

    private static Tensor Ids(JsonElement rows)
    {
        int[][] ids = GenerationGoldens.Rows(rows);
        return tensor(ids.SelectMany(row => row).Select(id => (long)id).ToArray(), [ids.Length, ids[0].Length], ScalarType.Int64);
    }

    private static Tensor Bools(bool[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], ScalarType.Bool);

    /// <summary>The cache of generation, which tells what it gave.</summary>
    private sealed class RecordingCache : KeyValueCache
    {
        private readonly DecodingCache _cache = new();

        public Dictionary<int, (Tensor Keys, Tensor Values)> Own { get; } = [];

        public Dictionary<int, (Tensor Keys, Tensor Values)> Crossed { get; } = [];

        public override long Length => _cache.Length;

        public override (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
        {
            (Tensor Keys, Tensor Values) all = _cache.Append(layer, keys, values);
            // A layer's temporaries end with it.
            Own[layer] = (all.Keys.alias().DetachFromDisposeScope(), all.Values.alias().DetachFromDisposeScope());
            return all;
        }

        public override (Tensor Keys, Tensor Values) Cross(int layer, Func<(Tensor Keys, Tensor Values)> make) => Crossed[layer] = _cache.Cross(layer, make);

        public override void Advance(long tokens) => _cache.Advance(tokens);

        protected override void Dispose(bool disposing)
        {
            foreach ((Tensor keys, Tensor values) in Own.Values)
            {
                keys.Dispose();
                values.Dispose();
            }
            _cache.Dispose();
        }
    }
}
