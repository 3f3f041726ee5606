using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Tensors;

namespace FineTuning.Heads;

/// <summary>What a saved question answerer remembers beside config.json, in a file that other libraries pass over.</summary>
/// <param name="MaximumLength">Tokens of a window.</param>
/// <param name="Stride">Tokens that two windows share.</param>
/// <param name="AllowsNoAnswer">Whether a text may hold no answer.</param>
/// <param name="NoAnswerThreshold">How far no answer must be ahead.</param>
internal sealed record AnsweringFile(int? MaximumLength, int? Stride, bool? AllowsNoAnswer, double? NoAnswerThreshold)
{
    private const string Name = "question_answering.json";
    private const long LargestFile = 1 << 16;

    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, MaxDepth = 8,
    };

    /// <summary>The file of a folder; empty where there is none.</summary>
    /// <param name="folder">Null: the model comes from memory.</param>
    /// <exception cref="CheckpointException">The file is damaged or says something impossible.</exception>
    public static AnsweringFile Read(string? folder)
    {
        if (folder is null) return new(null, null, null, null);
        string path = Path.Combine(folder, Name);
        if (!File.Exists(path)) return new(null, null, null, null);
        AnsweringFile? file;
        try
        {
            file = StrictJson.ReadObject(path, LargestFile).Deserialize<AnsweringFile>(Format);
        }
        catch (JsonException failure)
        {
            throw new CheckpointException(path, $"it is no valid JSON of this kind: {failure.Message}; delete it to start from the defaults", failure);
        }
        bool valid = file is { MaximumLength: null or > 3, Stride: null or >= 0 }
            && (file.NoAnswerThreshold is null || double.IsFinite(file.NoAnswerThreshold.Value))
            && (file.Stride ?? 0) <= (file.MaximumLength ?? int.MaxValue) - 4;
        return valid ? file!
            : throw new CheckpointException(path, "a length, a stride or a threshold in it is impossible; delete it to start from the defaults");
    }

    public void Write(string folder) => File.WriteAllText(Path.Combine(folder, Name), JsonSerializer.Serialize(this, Format) + "\n");
}
