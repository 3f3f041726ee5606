namespace FineTuning.Models;

/// <summary>A family as data: how config.json becomes plans and names. Everything else is the plans'.</summary>
internal sealed record ModelFamily
{
    /// <summary>Values of config.json's model_type.</summary>
    public required IReadOnlyList<string> ModelTypes { get; init; }

    /// <summary>config.json into plans and names.</summary>
    public required Func<ConfigFile, FamilyModel> Read { get; init; }
}

/// <summary>A model of a family.</summary>
/// <param name="ClassStem">The class names' stem in <c>architectures</c>, for example <c>Bert</c>.</param>
/// <param name="Plan">How the trunk is built.</param>
/// <param name="Names">What its tensors are called.</param>
/// <param name="Heads">How its heads are built and called, by kind.</param>
internal sealed record FamilyModel(string ClassStem, TrunkPlan Plan, NameTable Names, IReadOnlyDictionary<HeadKind, HeadPlan> Heads)
{
    /// <param name="kind">Which head.</param>
    /// <param name="config">What a refusal names. Null: no file.</param>
    /// <exception cref="Errors.CheckpointException">The family has no such head; the message lists those that it has.</exception>
    public HeadPlan Head(HeadKind kind, ConfigFile? config = null)
    {
        if (Heads.TryGetValue(kind, out HeadPlan? plan)) return plan;
        string known = string.Join(", ", Heads.Keys.Where(own => own != HeadKind.None).Select(own => own.Name));
        throw new Errors.CheckpointException(
            config?.FilePath ?? "config.json", $"a model of the kind '{Plan.ModelType}' has no head for {kind.Name}; it has heads for {known}");
    }

    /// <summary>Whether one of the family's names begins with a segment.</summary>
    public bool Begins(string segment) => Names.Begins(segment) || Heads.Values.Any(head => head.Names.Any(row => row.Begins(segment)));

    /// <summary>The class name that config.json gives trunk and head.</summary>
    public string ClassOf(HeadKind kind) => ClassStem + (Head(kind).ClassSuffix ?? kind.ClassSuffix);
}
