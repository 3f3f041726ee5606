namespace FineTuning.Testing;

/// <summary>A model, a head or a run does not keep a law that it should: a test fails.</summary>
public sealed class LawBrokenException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="law">The law's name.</param>
    /// <param name="expected">What should be.</param>
    /// <param name="found">What is.</param>
    /// <param name="where">The weight, the example, the step or the file.</param>
    public LawBrokenException(string law, string expected, string found, string where)
        : base($"{law}: {where}: expected {expected}; found {found}") =>
        (Law, Expected, Found, Where) = (law, expected, found, where);

    /// <summary>The law's name, that of the method of <see cref="FineTuneAssert"/>.</summary>
    public string Law { get; }

    /// <summary>What should be.</summary>
    public string Expected { get; }

    /// <summary>What is.</summary>
    public string Found { get; }

    /// <summary>The weight, the example, the step or the file.</summary>
    public string Where { get; }
}
