namespace FineTuning.Text.Jinja;

/// <summary>What Python's numbers have as attributes; templates practically never ask.</summary>
internal static class NumberMethods
{
    public static object? Find(object number, string name) => name switch
    {
        "real" => number is bool truth ? truth ? 1L : 0L : number,
        "imag" => number is double ? 0.0 : 0L,
        "numerator" when Integers.From(number) is { } whole => Integers.Of(whole),
        "denominator" when number is not double => 1L,
        "is_integer" when number is double value => new FunctionValue("<method is_integer>", (_, _) => double.IsFinite(value) && Math.Floor(value) == value),
        "conjugate" or "as_integer_ratio" or "hex" or "fromhex" or "bit_length" or "bit_count" or "to_bytes" or "from_bytes" =>
            new FunctionValue($"<method {name}>", (_, _) => throw new TemplateFault($"the method {name}() of numbers is not supported in chat templates")),
        _ => null,
    };
}
