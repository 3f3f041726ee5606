using System.Text.Json;
using FineTuning.Generation;
using FineTuning.Text;

namespace FineTuning.Tests.Generation;

/// <summary>One case of the goldens, run through our search.</summary>
internal sealed class GoldenRun
{
    private GoldenRun(GenerationSettings settings, IReadOnlyList<SearchPrompt> prompts) => (Settings, Prompts) = (settings, prompts);

    public GenerationSettings Settings { get; }

    public IReadOnlyList<SearchPrompt> Prompts { get; }

    public IReadOnlyList<Generated> Texts { get; private set; } = [];

    /// <summary>Scores as they came to the first rule, and as they left the last: by prompt, beam and step.</summary>
    public ScoreRecorder Before { get; } = new();

    public ScoreRecorder After { get; } = new();

    public static GoldenRun Of(GoldenModel model, JsonElement test, PretrainedTokenizer? tokenizer = null)
    {
        JsonElement args = test.GetProperty("args");
        GenerationOptions options = model.Options(args);
        bool[][]? mask = GenerationGoldens.Mask(test);
        int[][]? ids = test.GetProperty("input_ids").ValueKind == JsonValueKind.Null ? null : GenerationGoldens.Rows(test.GetProperty("input_ids"));
        int[][]? prefix = args.TryGetProperty("decoder_input_ids", out JsonElement given) ? GenerationGoldens.Rows(given) : null;
        IReadOnlyList<SearchPrompt> prompts = model.IsEncoderDecoder
            ? PromptRows.ForEncoderDecoder(ids!, prefix, options.DecoderStartTokenId ?? options.BosTokenId)
            : PromptRows.ForDecoder(ids ?? [[options.BosTokenId!.Value]], mask, options.PadTokenId, options.EosTokenId ?? []);
        if (args.TryGetProperty("prefix_allowed_by_step", out JsonElement allowed))
        {
            int[][] table = GenerationGoldens.Rows(allowed);
            options = options with { PrefixAllowedTokens = (_, tokens) => table[(tokens.Length - prompts[0].Tokens.Length) % table.Length] };
        }
        if (args.TryGetProperty("negative_prompt_ids", out JsonElement negative))
        {
            options = options with { NegativePromptIds = GenerationGoldens.Ids(negative[0]) };
        }
        var run = new GoldenRun(GenerationSettings.Of(options, model.Bounds(prompts, tokenizer is not null)), prompts);
        using IScoreSource source = model.Open(model.IsEncoderDecoder ? ids : null, model.IsEncoderDecoder ? mask : null, options.UseCache != false);
        using IScoreSource? other = run.Settings.Guides ? model.Open(null, null) : null;
        run.Texts = TokenSearch.Run(other is null ? source : new GuidedScores(source, other, options.GuidanceScale!.Value, options.NegativePromptIds), new(prompts, run.Settings)
        {
            Processors = new([run.Before, .. ProcessorChain.Of(run.Settings).Processors, run.After]),
            Stops = run.Settings.StopStrings.Count > 0 ? new(tokenizer!, run.Settings.StopStrings) : null,
            WithLogProbabilities = true,
        });
        return run;
    }

    /// <summary>What the reference puts behind a text that has ended; null: it goes on writing.</summary>
    public int? Fill => Settings.Beams == 1 ? Settings.EndTokens.Length == 0 ? null : Settings.PadToken
        // An accident of the reference: the padding id 0 counts as none.
        : Settings.EndTokens.Length == 0 ? -1 : Settings.PadToken is 0 ? Settings.EndTokens[0] : Settings.PadToken;
}

/// <summary>Keeps scores as they pass by.</summary>
internal sealed class ScoreRecorder : ILogitsProcessor
{
    public Dictionary<(int Prompt, int Beam, int Length), float[]> Scores { get; } = [];

    public void Apply(in ItemScores item)
    {
        for (int row = 0; row < item.Count; row++) Scores[(item.Prompt.Index, row, item.Length)] = item.Scores(row).ToArray();
    }
}
