using System.Collections.Immutable;
using System.Text.Json.Nodes;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Generation;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Writes text with a model: what every head that generates shares. Thread-safe.</summary>
/// <param name="head">A head over the vocabulary.</param>
/// <param name="tokenizer">The tokenizer of the checkpoint.</param>
/// <param name="file">generation_config.json, or what replaces it.</param>
/// <param name="options">Precision and logger.</param>
internal sealed class TextGenerator(OutputHead head, PretrainedTokenizer tokenizer, GenerationConfigFile file, GenerativeOptions options)
{
    private static readonly string[] Ids =
    [
        "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id",
    ];

    private ImmutableArray<SharedPrompt> _known = [];

    /// <summary>What the checkpoint says, with the tokenizer's ids where it names none.</summary>
    public GenerationOptions Defaults { get; } = file.Options with
    {
        BosTokenId = file.Options.BosTokenId ?? tokenizer.BeginId,
        EosTokenId = file.Options.EosTokenId ?? (tokenizer.EndId is { } end ? [end] : null),
        PadTokenId = file.Options.PadTokenId ?? tokenizer.PadId,
        DecoderStartTokenId = file.Options.DecoderStartTokenId ?? head.Trunk.Plan.DecoderStartTokenId,
    };

    /// <summary>Positions that the model has or that config.json names; null: none.</summary>
    public int? Positions { get; } = head.Trunk.Plan.MaximumTokens
        ?? (head.Trunk.Config.Has("max_position_embeddings") ? head.Trunk.Config.Count("max_position_embeddings") : null);

    /// <summary>Whether an output layer that was drawn fresh has been trained.</summary>
    public UntrainedHead Untrained { get; } = new(head, head.Trunk.Folder ?? "the language model", options.Logger);

    // Learned vectors before a text take positions of their own.
    private int? Room => Positions is { } most && !ReadsSource ? most - (int)head.Trunk.LeadingPositions : Positions;

    private bool ReadsSource => head.Trunk.Plan is { Encoder: not null, Decoder: not null };

    /// <summary>A folder's generation_config.json; where there is none, the ids of config.json.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    public static GenerationConfigFile FileOf(string? folder, OutputHead head)
    {
        if (folder is not null && File.Exists(Path.Combine(folder, GenerationConfigFile.Name))) return GenerationConfigFile.Read(folder);
        var root = new JsonObject();
        foreach (string key in Ids)
        {
            if (head.Trunk.Config.Root[key] is { } value) root[key] = value.DeepClone();
        }
        return GenerationConfigFile.Parse(head.Trunk.Config.FilePath, root.ToJsonString());
    }

    /// <summary>Reads a beginning once for all prompts that have it, until it is disposed.</summary>
    /// <exception cref="InvalidOptionsException">It has no tokens, or more than the model has positions.</exception>
    public SharedPrompt Share(int[] tokens)
    {
        head.Weights.ThrowIfClosed();
        if (tokens.Length == 0) throw new InvalidOptionsException(["the beginning has no tokens: there is nothing to share"]);
        if (tokens.Length > Positions)
        {
            throw new InvalidOptionsException([$"the beginning has {tokens.Length} tokens, but the model has {Positions} positions: share a shorter one"]);
        }
        var prompt = new SharedPrompt(head, tokens, options.Precision, one => ImmutableInterlocked.Update(ref _known, known => known.Remove(one)));
        ImmutableInterlocked.Update(ref _known, known => known.Add(prompt));
        return prompt;
    }

    /// <summary>The file that is saved with the model.</summary>
    public void Write(string folder) => file.With(Defaults).Write(folder);

    /// <summary>Texts for each prompt, the best first.</summary>
    /// <param name="prompts">Token ids; an empty one is the token that begins a text.</param>
    /// <param name="given">The caller's options; null: the checkpoint's.</param>
    /// <param name="cancellation">Stops between two tokens.</param>
    public IReadOnlyList<IReadOnlyList<GeneratedText>> Run(IReadOnlyList<int[]> prompts, GenerationOptions? given, CancellationToken cancellation)
    {
        if (prompts.Count == 0) return [];
        GenerationJob job = Prepare(prompts, given);
        IReadOnlyList<Generated> texts = Search(job, null, cancellation);
        ILookup<int, GeneratedText> byPrompt = texts.ToLookup(text => text.Prompt, text => Decoded(text, job.Beginning));
        return [.. Enumerable.Range(0, prompts.Count).Select(prompt => (IReadOnlyList<GeneratedText>)[.. byPrompt[prompt]])];
    }

    /// <summary>The text of one prompt, in pieces as they come.</summary>
    /// <exception cref="InvalidOptionsException">At once: options are out of range, or ask for a search that knows no text before its end.</exception>
    public IAsyncEnumerable<string> Stream(int[] prompt, GenerationOptions? given, CancellationToken cancellation, Action<GeneratedText>? ended = null)
    {
        GenerationJob job = Prepare([prompt], given);
        var violations = new List<string>();
        (int beams, int returned) = (job.Settings.Beams, job.Settings.Returned);
        if (beams > 1) violations.Add($"NumBeams is {beams}: a beam search knows its text only at its end; set NumBeams to 1, or generate without streaming");
        if (returned > 1) violations.Add($"NumReturnSequences is {returned}: a stream has one text; set it to 1");
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        // A model that is disposed or trained says so at once.
        using (head.Weights.Enter())
        {
        }
        return BackgroundStream.Run<string>("FineTuning.Core generation", (emit, stop) =>
        {
            var pieces = new TextPieces(tokenizer, job.Settings.EndTokens, emit);
            pieces.Begin(job.Beginning);
            Generated text = Search(job, (_, token) => pieces.Append(token), stop)[0];
            pieces.Complete();
            ended?.Invoke(Decoded(text, job.Beginning));
        }, cancellation: cancellation);
    }

    private GenerationJob Prepare(IReadOnlyList<int[]> prompts, GenerationOptions? given)
    {
        Untrained.Answers();
        if (file.Unsupported.Count > 0) throw new InvalidOptionsException(file.Unsupported);
        GenerationOptions asked = (given ?? new()).Over(Defaults);
        if (prompts.Any(prompt => prompt.Length == 0))
        {
            if (ReadsSource || asked.BosTokenId is not { } begin || begin < 0 || begin >= head.Outputs)
            {
                throw new InvalidOptionsException(["a prompt is empty, and there is no token that begins a text: give a prompt, or set BosTokenId"]);
            }
            prompts = [.. prompts.Select(prompt => prompt.Length > 0 ? prompt : [begin])];
        }
        int? start = asked.DecoderStartTokenId ?? asked.BosTokenId;
        if (ReadsSource && start >= head.Outputs)
        {
            throw new InvalidOptionsException([$"DecoderStartTokenId is {start}: the model's vocabulary has {head.Outputs} tokens, from 0"]);
        }
        int width = prompts.Max(prompt => prompt.Length), pad = asked.PadTokenId is >= 0 and { } id && id < head.Outputs ? id : 0;
        int[][] rows = [.. prompts.Select(prompt => Padded(prompt, width, pad))];
        bool[][] mask = [.. prompts.Select(prompt => Padded([.. Enumerable.Repeat(true, prompt.Length)], width, false))];
        int[] beginning = ReadsSource ? AnswerBeginning.Tokens(asked.DecoderPrefix, tokenizer, start) : [];
        IReadOnlyList<SearchPrompt> starts = ReadsSource
            ? PromptRows.ForEncoderDecoder(rows, beginning.Length == 0 ? null : [.. rows.Select(_ => beginning)], start)
            : PromptRows.ForDecoder(rows, mask, asked.PadTokenId, asked.EosTokenId ?? []);
        var bounds = new GenerationBounds(
            starts[0].Tokens.Length, head.Outputs, Room, head.Trunk.Plan.MaximumTokens is not null, ReadsSource, HasTokenizer: true);
        GenerationSettings settings = GenerationSettings.Of(asked, bounds);
        if (options.Logger is { } logger)
        {
            foreach (string ignored in settings.Ignored) Diagnostics.HeadLog.IgnoredOption(logger, ignored);
        }
        return new(starts, settings, ReadsSource ? new(rows, mask) : null, AdapterRequests.For(head.Weights), beginning);
    }

    // A source is padded on the right, a prompt on the left.
    private T[] Padded<T>(T[] row, int width, T padding)
    {
        IEnumerable<T> missing = Enumerable.Repeat(padding, width - row.Length);
        return ReadsSource ? [.. row, .. missing] : [.. missing, .. row];
    }

    private IReadOnlyList<Generated> Search(GenerationJob job, Action<int, int>? onToken, CancellationToken cancellation)
    {
        bool usesCache = job.Settings.Options.UseCache != false;
        using IScoreSource source = new TrunkScoreSource(head, options.Precision, job.Encoder, usesCache, job.Adapters)
        {
            Known = ReadsSource ? [] : _known,
        };
        using IScoreSource? other = job.Settings.Guides ? new TrunkScoreSource(head, options.Precision, usesCache: usesCache, requests: job.Adapters) : null;
        GenerationOptions asked = job.Settings.Options;
        IScoreSource guided = other is null ? source : new GuidedScores(source, other, asked.GuidanceScale!.Value, asked.NegativePromptIds);
        return TokenSearch.Run(guided, new(job.Prompts, job.Settings)
        {
            Stops = job.Settings.StopStrings.Count > 0 ? new(tokenizer, job.Settings.StopStrings) : null,
            OnToken = onToken,
        }, cancellation);
    }

    private GeneratedText Decoded(Generated text, int[] beginning)
    {
        int[] tokens = [.. beginning, .. text.Tokens];
        int kept = tokens.Length - (text.Reason == FinishReason.EndToken ? 1 : 0);
        return new(tokenizer.Decode(tokens.AsSpan(0, kept), skipSpecialTokens: true, cleanUp: false), tokens, text.Reason) { Score = text.Score };
    }

    private sealed record GenerationJob(
        IReadOnlyList<SearchPrompt> Prompts, GenerationSettings Settings, EncoderRows? Encoder, AdapterRequests? Adapters, int[] Beginning);
}
