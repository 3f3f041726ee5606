using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>What was learned to stand before every text: vectors in front of its embeddings, or keys and values in front of those of each layer.</summary>
internal interface ITrunkPrompt
{
    /// <summary>How many positions it takes in front of a text.</summary>
    long Count { get; }

    /// <summary>Whether it is keys and values of each layer.</summary>
    bool IsPrefix { get; }

    /// <summary>[count, embedding size], behind the scale of the embeddings. An encoder-decoder reads them in its encoder.</summary>
    Tensor Vectors(ForwardContext context);

    /// <summary>Keys and values of the layers of the upper stack, each [key heads, count, width].</summary>
    IReadOnlyList<(Tensor Keys, Tensor Values)> Prefix(ForwardContext context);
}

/// <summary>Puts a learned prompt before a batch, which says nothing of it: masks, positions and the cache are moved to make room.</summary>
internal static class TrunkPrompt
{
    /// <summary>The batch with the prompt before it.</summary>
    /// <param name="prompt">What was learned.</param>
    /// <param name="input">Its mask and positions are those of the text alone, and of what of it is in the cache.</param>
    /// <param name="context">The pass.</param>
    /// <exception cref="InvalidOperationException">A row holds several texts, or the pass begins behind the embeddings.</exception>
    public static TrunkInput Before(ITrunkPrompt prompt, TrunkInput input, ForwardContext context)
    {
        if (input.Segments is not null)
            throw new InvalidOperationException("a learned prompt stands before each text, but a row of this batch holds several: switch packing off");
        bool begins = input.Past == 0;
        if (prompt.IsPrefix)
        {
            KeyValueCache? cache = input.Cache;
            if (begins)
            {
                (Tensor, Tensor)[] prefix = [.. prompt.Prefix(context)
                    .Select(pair => (pair.Keys.to(context.ComputeType), pair.Values.to(context.ComputeType)))];
                if (cache is null) cache = new PrefixCache(prefix, input.Ids.shape[0]);
                else Fill(cache, prefix, input.Ids.shape[0]);
            }
            // A mask of the tokens alone counts what is in the cache as real.
            return input.Moved(input.Ids, input.Types, begins ? input.Mask : Masked(input, prompt.Count), input.Positions?.Plus(prompt.Count), cache: cache);
        }
        if (!begins) return input.Moved(input.Ids, input.Types, Masked(input, prompt.Count), input.Positions?.Plus(prompt.Count));
        if (input.States is not null) throw new InvalidOperationException("a pass with learned vectors before the text begins at the embeddings");
        (long rows, Device device) = (input.Ids.shape[0], input.Ids.device);
        Tensor Filled(long value) => full([rows, prompt.Count], Held(value), ScalarType.Int64, device);
        Tensor? mask = input.Mask is null ? null : cat([ones([rows, prompt.Count], ScalarType.Bool, device), input.Mask], 1);
        Tensor? positions = input.Positions is not { } own ? null
            : cat([Range(0, prompt.Count, device: device).unsqueeze(0).expand(rows, -1), own.Plus(prompt.Count)], 1);
        // No token has the id -1: nobody takes the learned vectors for one.
        Tensor ids = cat([Filled(-1), input.Ids], 1);
        Tensor? types = input.Types is null ? null : cat([Filled(0), input.Types], 1);
        return input.Moved(ids, types, mask, positions, prompt.Vectors(context));
    }

    /// <summary>A mask of an encoder's states whose first are those of learned vectors.</summary>
    public static Tensor? OfMemory(Tensor? mask, Tensor memory)
    {
        long missing = mask is null ? 0 : memory.shape[1] - mask.shape[1];
        return missing == 0 ? mask : cat([ones([mask!.shape[0], missing], ScalarType.Bool, mask.device), mask], 1);
    }

    private static Tensor? Masked(TrunkInput input, long count) => input.Mask is not { } mask || mask.shape[1] == input.Tokens ? input.Mask
        : cat([ones([mask.shape[0], count], ScalarType.Bool, mask.device), mask], 1);

    private static void Fill(KeyValueCache cache, (Tensor Keys, Tensor Values)[] prefix, long rows)
    {
        for (int i = 0; i < prefix.Length; i++) cache.Append(i, prefix[i].Keys.expand(rows, -1, -1, -1), prefix[i].Values.expand(rows, -1, -1, -1));
        cache.Advance(prefix[0].Keys.shape[1]);
    }

    // Learned keys and values stand before a layer's own; nothing is kept behind a pass.
    private sealed class PrefixCache(IReadOnlyList<(Tensor Keys, Tensor Values)> prefix, long rows) : KeyValueCache
    {
        public override long Length { get; } = prefix[0].Keys.shape[1];

        public override (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values) =>
            (cat([Row(prefix[layer].Keys, keys), keys], 2), cat([Row(prefix[layer].Values, values), values], 2));

        public override (Tensor Keys, Tensor Values) Cross(int layer, Func<(Tensor Keys, Tensor Values)> make) => make();

        public override void Advance(long tokens)
        {
            // Nothing is kept.
        }

        protected override void Dispose(bool disposing)
        {
            // The vectors are the adapter's.
        }

        private Tensor Row(Tensor learned, Tensor like) =>
            (learned.dtype == like.dtype ? learned : learned.to(like.dtype)).unsqueeze(0).expand(rows, -1, -1, -1);
    }
}
