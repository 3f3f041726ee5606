namespace FineTuning.Models;

/// <summary>A family of encoders as data: how config.json is read and what tensors are called. Everything else is the spec's.</summary>
internal sealed record EncoderFamily
{
    /// <summary>Values of config.json's model_type.</summary>
    public required IReadOnlyList<string> ModelTypes { get; init; }

    /// <summary>The class names' stem in <c>architectures</c>, for example <c>Bert</c>.</summary>
    public required string ClassStem { get; init; }

    /// <summary>config.json into a spec.</summary>
    public required Func<ConfigFile, ModelSpec> ReadSpec { get; init; }

    /// <summary>The tensors' names, which in some families depend on config.json.</summary>
    public required Func<ConfigFile, NameTable> Names { get; init; }
}
