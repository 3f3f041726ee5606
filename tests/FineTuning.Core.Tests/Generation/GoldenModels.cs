using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>The models of the goldens as sources of scores: the one door through which every case is run.</summary>
internal sealed class GoldenModel
{
    private readonly string _folder;
    private readonly JsonDocument _config;

    private GoldenModel(string folder)
    {
        _folder = folder;
        _config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
    }

    public bool IsEncoderDecoder => Config("is_encoder_decoder") is { ValueKind: JsonValueKind.True };

    public int VocabularySize => Config("vocab_size")!.Value.GetInt32();

    /// <summary>What the reference calls max_position_embeddings; T5 has none.</summary>
    public int? Positions => (Config("max_position_embeddings") ?? (Type == "gpt2" ? Config("n_positions") : null))?.GetInt32();

    public bool HasLearnedPositions => Type is "gpt2" or "opt" or "bart" or "marian";

    private string Type => Config("model_type")!.Value.GetString()!;

    /// <summary>Families that have goldens, by folder.</summary>
    public static TheoryData<string> Families()
    {
        var families = new TheoryData<string>();
        if (Goldens.Folder("generation") is not { } root) return families;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "config.json"))) families.Add(Path.GetFileName(folder));
        }
        return families;
    }

    /// <summary>The model of a folder; the test is skipped, saying why, where its family is not known.</summary>
    public static GoldenModel Require(string family)
    {
        var model = new GoldenModel(GenerationGoldens.Require(family));
        if (!model.IsKnown) Assert.Skip($"the family {model.Type} is not known: {family} is not compared");
        return model;
    }

    public static bool Knows(string family) => new GoldenModel(GenerationGoldens.Require(family)).IsKnown;

    /// <summary>A source that has not been started.</summary>
    /// <param name="encoderIds">What the encoder is given; null: there is none.</param>
    /// <param name="encoderMask">False where that is padding; null: all of it is read.</param>
    /// <param name="usesCache">Whether keys and values are kept.</param>
    public IScoreSource Open(int[][]? encoderIds, bool[][]? encoderMask, bool usesCache = true) => new OwningSource(Load(), encoderIds, encoderMask, usesCache);

    /// <summary>The model; whoever asks disposes it.</summary>
    public OutputHead Load() => OutputHead.Load(_folder, IsEncoderDecoder ? HeadKind.SequenceToSequence : HeadKind.CausalLanguage);

    public GenerationOptions Options(JsonElement args) => GenerationGoldens.Options(_folder, args);

    public GenerationBounds Bounds(IReadOnlyList<SearchPrompt> prompts, bool hasTokenizer = false) =>
        new(prompts[0].Tokens.Length, VocabularySize, Positions, HasLearnedPositions, IsEncoderDecoder, hasTokenizer);

    private bool IsKnown => ModelFamilies.Supports(_folder);

    private JsonElement? Config(string key) => _config.RootElement.TryGetProperty(key, out JsonElement value) ? value : null;

    private sealed class OwningSource(OutputHead head, int[][]? encoderIds, bool[][]? encoderMask, bool usesCache) : IScoreSource
    {
        private readonly TrunkScoreSource _source = new(head, encoder: encoderIds is null ? null : new(encoderIds, encoderMask), usesCache: usesCache);

        public int VocabularySize => _source.VocabularySize;

        public void Start(IReadOnlyList<int[]> rows, IReadOnlyList<int> padding, Span<float> scores) => _source.Start(rows, padding, scores);

        public void Next(ReadOnlySpan<int> tokens, ReadOnlySpan<int> parents, Span<float> scores) => _source.Next(tokens, parents, scores);

        public void Dispose()
        {
            _source.Dispose();
            head.Dispose();
        }
    }
}
