using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Training;

/// <summary>What a checkpoint consists of. It is written last: a folder without it, or with another than its files, is none.</summary>
/// <param name="Format">What the folder is.</param>
/// <param name="Version">Of the form.</param>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Score">The evaluation after that step; null: there was none.</param>
/// <param name="Files">All files but the manifest.</param>
internal sealed record CheckpointManifest(
    string Format, int Version, long Step, CheckpointScore? Score, IReadOnlyList<CheckpointFile> Files)
{
    public const string Name = "manifest.json";
    private const string ThisFormat = "finetuning-run-checkpoint";
    private const int ThisVersion = 1;
    private const long LargestFile = 1 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The hash of the manifest without it.</summary>
    public string? Seal { get; init; }

    public static CheckpointManifest Of(long step, CheckpointScore? score, IReadOnlyList<CheckpointFile> files) =>
        new(ThisFormat, ThisVersion, step, score, files);

    /// <summary>The manifest as it is written, with its seal.</summary>
    public byte[] Bytes() => JsonSerializer.SerializeToUtf8Bytes(Sealed(), Json);

    /// <summary>Reads a folder's manifest; the files are not looked at.</summary>
    /// <exception cref="CheckpointException">There is none, or it is not one that was written whole.</exception>
    public static CheckpointManifest Read(string folder)
    {
        string path = Path.Combine(folder, Name);
        byte[] bytes = InputFile.Bytes(path, LargestFile);
        try
        {
            CheckpointManifest? manifest = JsonSerializer.Deserialize<CheckpointManifest>(bytes, Json);
            if (manifest is null || manifest.Format != ThisFormat) throw new CheckpointException(path, "it is not the manifest of a run's checkpoint");
            if (manifest.Version != ThisVersion)
                throw new CheckpointException(path, $"its form has the version {manifest.Version}; this library reads {ThisVersion}");
            if (!bytes.AsSpan().SequenceEqual(manifest.Bytes())) throw new CheckpointException(path, "it was changed after it was written");
            foreach (CheckpointFile file in manifest.Files)
            {
                if (file.Name.Length == 0 || file.Name.AsSpan().IndexOfAny("/\\:\0") >= 0 || file.Name.StartsWith('.'))
                    throw new CheckpointException(path, $"it names the file '{file.Name}', which is outside the folder");
            }
            return manifest;
        }
        catch (Exception fault) when (fault is JsonException or NotSupportedException or ArgumentException)
        {
            throw new CheckpointException(path, $"it is not the manifest of a run's checkpoint: {fault.Message}", fault);
        }
    }

    private CheckpointManifest Sealed() =>
        this with { Seal = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this with { Seal = null }, Json))) };
}

/// <summary>A file of a checkpoint.</summary>
/// <param name="Name">Its name in the folder.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash, in hexadecimal digits.</param>
internal sealed record CheckpointFile(string Name, long Bytes, string Sha256);

/// <summary>How good a checkpoint is.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Value">Its value.</param>
/// <param name="HigherIsBetter">Which way it gets better.</param>
internal sealed record CheckpointScore(string Metric, double Value, bool HigherIsBetter);
