using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>How hidden states of layers that do not train are kept, so that an epoch does not compute them again.</summary>
/// <remarks>
/// The states are a function of a row's tokens and of the weights below the lowest layer that trains: a run with them learns what a run without them learns, to
/// rounding. Immutable.
/// </remarks>
public sealed record FrozenStateOptions
{
    /// <summary>The most bytes in memory. Null: a quarter of what container and machine have.</summary>
    public long? Memory { get; init; }

    /// <summary>The most bytes in a file, which is used when memory is full. Default 0: none.</summary>
    public long Disk { get; init; }

    /// <summary>Where the file is; it has no name and ends with the process. Null: the system's folder for temporary files.</summary>
    public string? Folder { get; init; }

    /// <summary>The type in which states are kept. bfloat16 takes half the room and rounds each number to 8 significant bits. Default float32.</summary>
    public Precision Stored { get; init; }

    /// <summary>
    /// Whether the states stay with the trunk when the run has ended, for later runs and for other heads on it, until <c>Trunk.ForgetFrozenStates</c>
    /// or the trunk's disposal. Then they are also made where this run alone would not pay for them. Default false.
    /// </summary>
    public bool KeepAfterRun { get; init; }

    internal void CollectViolations(List<string> violations)
    {
        if (Memory is < 0) violations.Add($"FrozenStates.Memory is {Memory}: it is 0 or more bytes");
        if (Disk < 0) violations.Add($"FrozenStates.Disk is {Disk}: it is 0 or more bytes");
        if (!Enum.IsDefined(Stored)) violations.Add($"FrozenStates.Stored is {Stored}: it is {string.Join(" or ", Enum.GetNames<Precision>())}");
        if (Folder is not null && !Directory.Exists(Folder)) violations.Add($"FrozenStates.Folder is '{Folder}': there is no such folder");
    }
}
