namespace FineTuning.Fuzz;

/// <summary>What is fuzzed: inputs are texts, made by changing others.</summary>
internal abstract class FuzzTarget
{
    private protected const string Separator = "\n\u241E\n";

    public abstract string Name { get; }

    /// <summary>Inputs to begin with; none where the goldens are not there.</summary>
    public abstract IEnumerable<string> Seeds(string goldens);

    /// <summary>A changed input.</summary>
    public abstract string Mutate(string input, string other, Random random);

    /// <summary>Runs an input. Any exception is a finding: those that the library may raise do not come out.</summary>
    public abstract void Run(string input);

    private protected static string Part(string[] parts, int index) => index < parts.Length ? parts[index] : "";

    private protected static void Require(bool holds, string what)
    {
        if (!holds) throw new BrokenLawException(what);
    }
}

/// <summary>Something did not fail, but is wrong.</summary>
internal sealed class BrokenLawException(string what) : Exception(what);
