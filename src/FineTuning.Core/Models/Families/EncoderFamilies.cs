namespace FineTuning.Models;

/// <summary>The families of encoders, found by config.json's model_type.</summary>
internal static class EncoderFamilies
{
    private static readonly EncoderFamily[] All = 
    [
        BertFamily.Family, RobertaFamily.Family, DistilBertFamily.Family, ElectraFamily.Family, AlbertFamily.Family, MpnetFamily.Family, DebertaFamily.Family,
        ModernBertFamily.Family,
    ];

    /// <exception cref="Errors.CheckpointException">The family is not supported; the message lists those that are.</exception>
    public static EncoderFamily Of(ConfigFile config)
    {
        string type = config.Text("model_type") ?? throw config.Fault($"'model_type' is missing; one of {Known} was expected");
        return Array.Find(All, family => family.ModelTypes.Contains(type))
            ?? throw config.Fault($"'model_type' is '{type}', which is not supported; one of {Known} was expected. Code beside the weights is never run");
    }

    /// <summary>Whether a folder's config.json names a family of encoders.</summary>
    public static bool Supports(string folder) => ConfigFile.Read(folder).Text("model_type") is { } type && Array.Exists(All, family => family.ModelTypes.Contains(type));

    private static string Known => string.Join(", ", All.SelectMany(family => family.ModelTypes).Order(StringComparer.Ordinal));
}
