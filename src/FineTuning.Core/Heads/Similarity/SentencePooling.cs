using System.Text.Json.Nodes;
using FineTuning.Models;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>How the vectors of a text's tokens become one; padding never takes part, special tokens do.</summary>
public enum SentencePooling
{
    /// <summary>The vector of the first token ([CLS]).</summary>
    FirstToken,

    /// <summary>The largest value of each dimension.</summary>
    Max,

    /// <summary>The mean.</summary>
    Mean,

    /// <summary>The sum divided by the square root of the number of tokens.</summary>
    MeanSquareRootLength,

    /// <summary>The mean with weights 1, 2, 3 ... by position (Muennighoff 2022, equation 1).</summary>
    WeightedMean,

    /// <summary>The vector of the last token.</summary>
    LastToken,
}

/// <summary>The pooling module of a sentence encoder: one way, or several whose vectors are joined in a fixed order.</summary>
internal sealed class PoolingModule
{
    // The order is that in which sentence-transformers joins them.
    private static readonly (SentencePooling Mode, string Key, string Name)[] Keys =
    [
        (SentencePooling.FirstToken, "pooling_mode_cls_token", "cls"),
        (SentencePooling.Max, "pooling_mode_max_tokens", "max"),
        (SentencePooling.Mean, "pooling_mode_mean_tokens", "mean"),
        (SentencePooling.MeanSquareRootLength, "pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
        (SentencePooling.WeightedMean, "pooling_mode_weightedmean_tokens", "weightedmean"),
        (SentencePooling.LastToken, "pooling_mode_lasttoken", "lasttoken"),
    ];

    public PoolingModule(IEnumerable<SentencePooling> modes) => Modes = [.. modes.Distinct().OrderBy(mode => Array.FindIndex(Keys, key => key.Mode == mode))];

    public IReadOnlyList<SentencePooling> Modes { get; }

    /// <summary>Reads 1_Pooling/config.json: a flag for each way, or the names of the ways.</summary>
    /// <exception cref="Errors.CheckpointException">No way is named, an unknown one is, or the width is not the encoder's.</exception>
    public static PoolingModule Read(ConfigFile config, int width)
    {
        string key = config.Has("word_embedding_dimension") ? "word_embedding_dimension" : "embedding_dimension";
        if (config.Count(key, width) is var found && found != width) throw config.Fault($"'{key}' is {found}, but the encoder's vectors have {width} numbers");
        var modes = new List<SentencePooling>();
        foreach (string name in Names(config))
        {
            // A name of the older files may end in _tokens, of the newer not.
            int index = Array.FindIndex(Keys, entry => entry.Name.Replace("_tokens", "", StringComparison.Ordinal) == name.Replace(
                "_tokens", "", StringComparison.Ordinal));
            modes.Add(index >= 0 ? Keys[index].Mode
                : throw config.Fault($"the pooling '{name}' is not known; {string.Join(", ", Keys.Select(entry => entry.Name))} are"));
        }
        modes.AddRange(Keys.Where(entry => config.Flag(entry.Key, false)).Select(entry => entry.Mode));
        if (modes.Count == 0) throw config.Fault("it names no pooling; pooling_mode_mean_tokens or another was expected to be true");
        if (!config.Flag("include_prompt", true))
            throw config.Fault("'include_prompt' is false: leaving the prompt's tokens out of the pooling is not supported");
        return new(modes);
    }

    public JsonObject Write(int width)
    {
        var config = new JsonObject { ["word_embedding_dimension"] = width };
        foreach ((SentencePooling mode, string key, _) in Keys) config[key] = Modes.Contains(mode);
        config["include_prompt"] = true;
        return config;
    }

    /// <param name="hidden">[batch, tokens, hidden]</param>
    /// <param name="mask">True where a token is real, [batch, tokens]. Null: all are.</param>
    /// <returns>[batch, hidden times the number of ways]</returns>
    public Tensor Forward(Tensor hidden, Tensor? mask)
    {
        Tensor[] parts = [.. Modes.Select(mode => Pool(mode, hidden, mask))];
        return parts.Length == 1 ? parts[0] : cat(parts, 1);
    }

    private static Tensor Pool(SentencePooling mode, Tensor hidden, Tensor? mask)
    {
        if (mode == SentencePooling.FirstToken) return hidden.select(1, 0);
        if (mode == SentencePooling.Max) return (mask is null ? hidden : hidden.masked_fill(mask.logical_not().unsqueeze(2), Held(float.MinValue))).amax([1]);
        long batch = hidden.shape[0], tokens = hidden.shape[1];
        Tensor real = mask is null ? ones([batch, tokens], hidden.dtype, hidden.device) : mask.to(hidden.dtype);
        if (mode == SentencePooling.LastToken)
        {
            Tensor last = real.sum(1).sub(Held(1)).clamp_min(Held(0)).to(ScalarType.Int64);
            return hidden.gather(1, last.reshape(batch, 1, 1).expand(batch, 1, hidden.shape[2])).squeeze(1);
        }
        if (mode == SentencePooling.WeightedMean) real = real * Range(1, tokens + 1, hidden.dtype, hidden.device).unsqueeze(0);
        Tensor sum = (hidden * real.unsqueeze(2)).sum(1), count = real.sum(1, keepdim: true).clamp_min(Held(1e-9));
        return sum / (mode == SentencePooling.MeanSquareRootLength ? count.sqrt() : count);
    }

    private static IReadOnlyList<string> Names(ConfigFile config) =>
        config.Root["pooling_mode"] is JsonValue value && value.TryGetValue(out string? text)
            ? text.Split('+', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : config.Words("pooling_mode");
}
