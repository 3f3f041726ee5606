namespace FineTuning.Heads;

/// <summary>Bounds of the losses' settings.</summary>
internal static class PreferenceRules
{
    public static void Positive(double value, string name, List<string> violations)
    {
        if (!(value > 0 && double.IsFinite(value))) violations.Add($"{name} of the preference loss is {value}: it is above 0 and finite");
    }

    public static void NotNegative(double value, string name, List<string> violations)
    {
        if (!(value >= 0 && double.IsFinite(value))) violations.Add($"{name} of the preference loss is {value}: it is 0 or more and finite");
    }

    /// <summary>From 0 to below a half: from a half on, the rejected completion would be learned.</summary>
    public static void Smoothing(double value, List<string> violations, bool zeroIsAllowed = true)
    {
        if (!(value < 0.5 && (value > 0 || (zeroIsAllowed && value == 0))))
        {
            violations.Add($"smoothing of the preference loss is {value}: it is {(zeroIsAllowed ? "from 0" : "above 0")} to below 0.5");
        }
    }
}
