namespace FineTuning.Heads;

/// <summary>What a checkpoint says of the outputs that a head may take over from it.</summary>
/// <param name="Folder">What messages call the checkpoint.</param>
/// <param name="Names">The outputs' names, in their order. Empty: it names none.</param>
/// <param name="Serves">Whether its head is for this task. Null: only its tensors can tell.</param>
/// <param name="IsReplaced">Whether the head is to be drawn fresh, whatever stands there.</param>
/// <param name="Option">The option by which a fresh head is asked for.</param>
internal sealed record StoredOutputs(string Folder, IReadOnlyList<string> Names, bool? Serves, bool IsReplaced, string Option = "FreshHead = true")
{
    /// <summary>Whether the names say nothing of what the outputs mean.</summary>
    public bool IsGeneric { get; init; } = OutputNames.AreGeneric(Names);

    /// <summary>Whether the head may be taken over, so that its names bind.</summary>
    public bool Binds => Serves != false && !IsReplaced;

    /// <summary>Names to take where the user gives none: not those of another task's head.</summary>
    public IReadOnlyList<string> Defaults => Serves == false || IsGeneric ? [] : Names;

    /// <summary>The asked names in the order of the outputs.</summary>
    /// <param name="asked">Different names, as the user means them.</param>
    /// <param name="stated">Whether the user stated their order as that of the outputs, which decides only where the checkpoint has no names.</param>
    /// <param name="what">What they are called in messages: labels, tags.</param>
    /// <param name="list">The option by which their order is stated.</param>
    public OutputOrder Order(IReadOnlyList<string> asked, bool stated, string what, string list)
    {
        if (!Binds) return OutputOrder.AsAsked(asked);
        if (OutputNames.Match(Names, asked) is { } indices) return new(indices, Names, null);
        bool meetsName = asked.Any(name => Names.Contains(name, StringComparer.OrdinalIgnoreCase));
        if (IsGeneric && stated && !meetsName) return OutputOrder.AsAsked(asked);
        string found = IsGeneric
            ? $"config.json does not say what the outputs of its head mean ({(Names.Count == 0 ? "it names none" : OutputNames.List(Names))}), "
                + $"so that nothing says which of the {what} {OutputNames.List(asked)} is which; "
                + $"state their order as that of the outputs in the options ({list} = [...])"
            : $"config.json names the {Names.Count} outputs of its head {OutputNames.List(Names)}, "
                + $"but the {asked.Count} {what} {OutputNames.List(asked)} are asked for; ask for its own, in any order";
        return OutputOrder.AsAsked(asked) with { Refusal = $"{found}, or ask for a fresh head ({Option}) that learns them anew" };
    }
}

/// <summary>Asked names in the order of a head's outputs.</summary>
/// <param name="Indices">For each output the index of its name among the asked ones.</param>
/// <param name="Names">The names that stand in the checkpoint, or are to stand there.</param>
/// <param name="Refusal">Why they cannot be those of the checkpoint's head. Null: they are, or nothing speaks against it.</param>
internal sealed record OutputOrder(IReadOnlyList<int> Indices, IReadOnlyList<string> Names, string? Refusal)
{
    public static OutputOrder AsAsked(IReadOnlyList<string> asked) => new([.. Enumerable.Range(0, asked.Count)], asked, null);
}
