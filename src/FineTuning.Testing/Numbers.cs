using System.Globalization;

namespace FineTuning.Testing;

/// <summary>How numbers are compared and shown.</summary>
internal static class Numbers
{
    /// <summary>Whether two numbers agree, relative to the larger or to 1.</summary>
    public static bool Agree(double left, double right, double tolerance) =>
        left.Equals(right) || Math.Abs(left - right) <= tolerance * Math.Max(1, Math.Max(Math.Abs(left), Math.Abs(right)));

    public static string Show(double number) => number.ToString("G9", CultureInfo.InvariantCulture);
}
