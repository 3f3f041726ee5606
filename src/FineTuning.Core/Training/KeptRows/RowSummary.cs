using System.Text.Json;
using System.Text.Json.Serialization;
using FineTuning.Tasks;

namespace FineTuning.Training;

/// <summary>What a run says of its rows, as it lies beside them.</summary>
internal sealed record RowSummary(string Hash, int TruncatedExamples, long TruncatedTokens, int EmptyTexts, IReadOnlyDictionary<string, int> Skipped,
    IReadOnlyDictionary<string, int> Notes, IReadOnlyDictionary<string, IReadOnlyList<string>> Names)
{
    public static readonly JsonSerializerOptions Json = new()
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    /// <param name="hash">The hash of the rows.</param>
    /// <param name="report">What happened to the examples.</param>
    public static RowSummary Of(string hash, EncodingSummary report) =>
        new(hash, report.TruncatedExamples, report.TruncatedTokens, report.EmptyTexts, report.Skipped, report.Notes, report.Names);

    /// <summary>Null: the text is none.</summary>
    public static RowSummary? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<RowSummary>(json, Json);
        }
        catch (Exception fault) when (fault is JsonException or NotSupportedException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>What happened to the examples.</summary>
    public EncodingSummary Report() => new()
    {
        TruncatedExamples = TruncatedExamples, TruncatedTokens = TruncatedTokens, EmptyTexts = EmptyTexts, Skipped = Skipped, Notes = Notes, Names = Names,
    };
}
