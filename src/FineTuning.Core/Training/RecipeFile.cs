using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>A recipe as JSON: each setting by its name, each optimizer, schedule, rule and feature with its type.</summary>
internal static class RecipeFile
{
    private const string TypeKey = "type";
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        AllowDuplicateProperties = false,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { AddTypes } },
    };

    public static string Write(TrainingOptions options) => JsonSerializer.Serialize(options, Json);

    /// <exception cref="InvalidOptionsException">The text is no recipe.</exception>
    public static TrainingOptions Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingOptions>(json, Json)
                ?? throw new InvalidOptionsException(["the recipe is null; an object with its settings was expected"]);
        }
        catch (Exception failure) when (failure is JsonException or NotSupportedException or ArgumentException)
        {
            throw new InvalidOptionsException([$"the text is no recipe that this version can read: {failure.Message}"]);
        }
    }

    // The kinds are those that the assembly has: a feature need not be named in a list.
    private static void AddTypes(JsonTypeInfo info)
    {
        if (!info.Type.IsAbstract || info.Type.IsInterface || info.Type.Assembly != typeof(RecipeFile).Assembly) return;
        info.PolymorphismOptions = new JsonPolymorphismOptions
            { TypeDiscriminatorPropertyName = TypeKey, UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization };
        foreach (Type kind in info.Type.Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsSubclassOf(info.Type))
            .OrderBy(type => type.Name, StringComparer.Ordinal))
        {
            info.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(kind, JsonNamingPolicy.KebabCaseLower.ConvertName(NameOf(kind, info.Type))));
        }
    }

    private static string NameOf(Type kind, Type family)
    {
        string ending = family == typeof(WeightRule) ? "Rule" : family.Name;
        return kind.Name.EndsWith(ending, StringComparison.Ordinal) ? kind.Name[..^ending.Length] : kind.Name;
    }
}
