namespace FineTuning.Models;

/// <summary>Which vector of a sequence a classification head reads.</summary>
internal enum SequencePooling
{
    /// <summary>That of the first token.</summary>
    First,

    /// <summary>The mean over real tokens.</summary>
    Mean,
}

/// <summary>A family's classification head: [dropout], dense layer, function, [norm], dropout, output layer.</summary>
/// <param name="Dense">This library's name of the dense layer.</param>
/// <param name="Function">What follows the dense layer.</param>
/// <param name="DropoutBefore">Whether the pooled vector is dropped from before the dense layer.</param>
/// <param name="DenseInTrunk">Whether the dense layer is the trunk's pooler, which a base checkpoint holds too.</param>
internal sealed record SequenceHeadPlan(string Dense, Activation Function, bool DropoutBefore, bool DenseInTrunk);

/// <summary>A family of encoders as data: how config.json is read, what tensors are called, how its heads are built.</summary>
internal sealed record EncoderFamily
{
    /// <summary>Values of config.json's model_type.</summary>
    public required IReadOnlyList<string> ModelTypes { get; init; }

    /// <summary>The class names' stem in <c>architectures</c>, for example <c>Bert</c>.</summary>
    public required string ClassStem { get; init; }

    /// <summary>config.json into a spec.</summary>
    public required Func<ConfigFile, ModelSpec> ReadSpec { get; init; }

    /// <summary>The tensors' names.</summary>
    public required NameTable Names { get; init; }

    /// <summary>How a sequence is classified.</summary>
    public required SequenceHeadPlan SequenceHead { get; init; }

    /// <summary>The function in the masked-language head.</summary>
    public Func<ModelSpec, Activation> MaskedLanguageFunction { get; init; } = spec => spec.Activation;

    /// <summary>config.json's key of the dropout before a classifier; null where it has none.</summary>
    public string ClassifierDropoutKey { get; init; } = "classifier_dropout";
}
