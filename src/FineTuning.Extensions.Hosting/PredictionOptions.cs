namespace FineTuning.Extensions.Hosting;

/// <summary>What one request asks for besides its input.</summary>
/// <remarks>Immutable.</remarks>
public sealed record PredictionOptions
{
    /// <summary>The adapter that answers. Null (default): the model itself.</summary>
    public string? Adapter { get; init; }

    /// <summary>After this time the request ends with a <see cref="TimeoutException"/>. Null (default): what the model's options say.</summary>
    public TimeSpan? Deadline { get; init; }
}
