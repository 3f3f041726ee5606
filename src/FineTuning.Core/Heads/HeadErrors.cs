using FineTuning.Errors;

namespace FineTuning.Heads;

/// <summary>The texts of the errors that several heads raise.</summary>
internal static class HeadErrors
{
    /// <summary>A label of an example that the model does not have.</summary>
    /// <param name="label">The label.</param>
    /// <param name="text">The text of the example.</param>
    /// <param name="names">The model's labels.</param>
    public static TrainingDataException Unknown<TLabel>(TLabel label, string text, IReadOnlyList<string> names) => new(
        $"the label '{label}' of the text \"{Excerpt.Of(text)}\" is not one of the model's {names.Count}: {OutputNames.List(names)}");

    /// <summary>A setting that is not one of the members of its enum.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="value">Its value.</param>
    public static string NotOneOf<T>(string name, T value)
        where T : struct, Enum => $"{name} is {value}: it is {string.Join(", ", Enum.GetNames<T>())}";
}
