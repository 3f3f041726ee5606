namespace FineTuning.Examples;

/// <summary>An example that says of which kind it is, so that parts of a data set hold all kinds as the whole does.</summary>
internal interface IStratifiedExample
{
    /// <summary>Its kind, for example its label. Null: none is known.</summary>
    string? Stratum { get; }
}
