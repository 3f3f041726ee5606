using System.Text.Json;
using System.Text.Json.Serialization;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>The part of a run's state that is no tensor, as JSON.</summary>
internal sealed record RunFile
{
    public const string Name = "run.json";
    private const long LargestFile = 256L << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(), new ReportConverter() },
    };

    public required RunFingerprint Fingerprint { get; init; }

    public required JsonElement Recipe { get; init; }

    public required RunLength Length { get; init; }

    public required RunCounters Counters { get; init; }

    public required HistoryValues History { get; init; }

    public required IReadOnlyList<EvaluationRecord> Evaluations { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required SelectionValues Selection { get; init; }

    public required PlateauValues? Plateau { get; init; }

    public required IReadOnlyDictionary<string, double> Numbers { get; init; }

    public static byte[] Write(RunState state, RunFingerprint fingerprint) => JsonSerializer.SerializeToUtf8Bytes(new RunFile
    {
        Fingerprint = fingerprint, Recipe = JsonElement.Parse(state.Recipe.WithoutWatchers().ToJson()), Length = state.Length, Counters = state.Counters,
        History = state.History, Evaluations = state.Evaluations, Warnings = state.Warnings, Selection = state.Selection, Plateau = state.Plateau,
        Numbers = state.Numbers,
    }, Json);

    /// <exception cref="CheckpointException">The file is no state of a run.</exception>
    public static RunFile Read(string path)
    {
        try
        {
            RunFile file = JsonSerializer.Deserialize<RunFile>(InputFile.Bytes(path, LargestFile), Json)
                ?? throw new CheckpointException(path, "it is not the state of a run");
            HistoryValues history = file.History;
            bool isWhole = file.Counters.Steps >= 0 && history.Count >= 0 && history.Stride >= 1 && history.Steps.Count == history.SmoothedLoss.Count
                && history.Steps.Count <= StepHistory.Capacity + 1 && (history.Steps.Count > 0 == history.Count > 0);
            return isWhole ? file : throw new CheckpointException(path, "its counters and its history contradict each other");
        }
        catch (Exception fault) when (fault is JsonException or NotSupportedException or ArgumentException or InvalidOperationException)
        {
            throw new CheckpointException(path, $"it is not the state of a run: {fault.Message}", fault);
        }
    }

    /// <summary>The recipe that was stored.</summary>
    /// <exception cref="InvalidOptionsException">It is none that this version can read.</exception>
    public TrainingOptions ReadRecipe() => TrainingOptions.FromJson(Recipe.GetRawText());

    private sealed class ReportConverter : JsonConverter<MetricReport>
    {
        public override MetricReport Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            ReportValues values = JsonSerializer.Deserialize<ReportValues>(ref reader, options) ?? throw new JsonException("a report is null");
            ConfusionMatrix? confusion = null;
            if (values.Labels is not null)
            {
                confusion = new ConfusionMatrix(values.Labels);
                foreach (CellValues cell in values.Confusion ?? []) confusion.Add(cell.Reference, cell.Predicted, cell.Weight);
            }
            return new MetricReport(values.Metrics, confusion, values.Classes) { Reading = values.Reading, Samples = Samples(values.Samples ?? []) };
        }

        public override void Write(Utf8JsonWriter writer, MetricReport value, JsonSerializerOptions options)
        {
            CellValues[]? cells = value.Confusion?.Counted.Select(cell => new CellValues(cell.Reference, cell.Predicted, cell.Weight)).ToArray();
            SampleValues[] samples = [.. value.Samples.Select(sample => new SampleValues(sample.Source, sample.References, sample.Output))];
            JsonSerializer.Serialize(writer, new ReportValues(value.Metrics, value.Confusion?.Labels, cells, value.Classes, value.Reading, samples), options);
        }

        private static GeneratedSample[] Samples(IReadOnlyList<SampleValues> values) => [.. values.Select(sample =>
            sample is null || sample.References.Contains(null!) ? throw new JsonException("a written text is null")
                : new GeneratedSample(sample.Source, sample.References, sample.Output))];
    }

    private sealed record ReportValues(IReadOnlyList<MetricValue> Metrics, IReadOnlyList<string>? Labels, IReadOnlyList<CellValues>? Confusion,
        IReadOnlyList<ClassScores> Classes, string? Reading, IReadOnlyList<SampleValues>? Samples = null);

    private sealed record SampleValues(string Source, IReadOnlyList<string> References, string Output);

    private readonly record struct CellValues(int Reference, int Predicted, double Weight);
}
