namespace FineTuning.Extensions.Hosting;

/// <summary>What happens to a request while the queue is full.</summary>
public enum QueueFullBehavior
{
    /// <summary>The caller waits for room, or for the deadline.</summary>
    Wait,

    /// <summary>The caller gets a <see cref="ModelBusyException"/> at once.</summary>
    Refuse,
}

/// <summary>How a model is served. Options as <c>Microsoft.Extensions.Options</c> knows them: bound, changed, and validated all at once before the model is
/// loaded.</summary>
public sealed class ServedModelOptions
{
    /// <summary>The folder that the model is loaded from; a swap may name another.</summary>
    public string Folder { get; set; } = "";

    /// <summary>The most requests that are computed together, from 1 to 4096. Default 32.</summary>
    public int MaximumBatch { get; set; } = 32;

    /// <summary>The most requests that wait, from 1 to 1,000,000. Default 1024.</summary>
    public int QueueCapacity { get; set; } = 1024;

    /// <summary>What happens to a request while the queue is full. Default: it waits.</summary>
    public QueueFullBehavior WhenFull { get; set; }

    /// <summary>
    /// How long the first request of a batch waits for others, at most a second. Default 0: what comes while a batch is computed is the next batch, and
    /// nobody waits for nothing.
    /// </summary>
    public TimeSpan BatchDelay { get; set; }

    /// <summary>After this time a request ends with a <see cref="TimeoutException"/>, wherever it is. Null (default): never.</summary>
    public TimeSpan? Deadline { get; set; }

    /// <summary>How many batches are computed at the same time, from 1 to 64. Default 1: libtorch itself uses several cores.</summary>
    public int Concurrency { get; set; } = 1;

    /// <summary>Adapters by the name by which requests ask for them, and their folders. Default: none.</summary>
    public IDictionary<string, string> Adapters { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    internal IReadOnlyList<string> Violations()
    {
        var found = new List<string>();
        if (string.IsNullOrWhiteSpace(Folder)) found.Add("Folder is empty: it names the folder of the model");
        if (MaximumBatch is < 1 or > 4096) found.Add($"MaximumBatch is {MaximumBatch}: it is from 1 to 4096");
        if (QueueCapacity is < 1 or > 1_000_000) found.Add($"QueueCapacity is {QueueCapacity}: it is from 1 to 1,000,000");
        if (!Enum.IsDefined(WhenFull)) found.Add($"WhenFull is {WhenFull}: it is {string.Join(" or ", Enum.GetNames<QueueFullBehavior>())}");
        if (BatchDelay < TimeSpan.Zero || BatchDelay > TimeSpan.FromSeconds(1)) found.Add($"BatchDelay is {BatchDelay}: it is from 0 to a second");
        if (Deadline is { } deadline
            && (deadline <= TimeSpan.Zero || deadline > TimeSpan.FromDays(1))) found.Add($"Deadline is {deadline}: it is above 0 and at most a day");
        if (Concurrency is < 1 or > 64) found.Add($"Concurrency is {Concurrency}: it is from 1 to 64");
        foreach ((string name, string folder) in Adapters)
        {
            if (string.IsNullOrWhiteSpace(name)
                || string.IsNullOrWhiteSpace(folder)) found.Add($"the adapter '{name}' has the folder '{folder}': neither is empty");
        }
        return found;
    }
}
