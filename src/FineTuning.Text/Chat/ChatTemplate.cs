using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Text.Jinja;

namespace FineTuning.Text;

/// <summary>
/// What turns a conversation into the text a model was trained on: the Jinja template of a checkpoint folder, or several by name. Templates are interpreted,
/// never executed: they reach nothing but what they are given, and steps, depth and memory of a rendering are bounded.
/// </summary>
/// <remarks>Immutable and thread-safe. A folder's template is read when it is first used: a broken one affects only those who use it.</remarks>
public sealed class ChatTemplate
{
    private const string Default = "default", ToolUse = "tool_use";

    private readonly Source? _single;
    private readonly Dictionary<string, Source> _named;
    private Source? _lastGiven;
    private int _announced;

    private ChatTemplate(Source? single, Dictionary<string, Source> named, IReadOnlyDictionary<string, string> specialTokens, bool isFallback) =>
        (_single, _named, SpecialTokens, IsFallback) = (single, named, specialTokens, isFallback);

    /// <summary>The names of the templates, sorted; empty where there is a single one without a name.</summary>
    public IReadOnlyList<string> Names => [.. _named.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The special tokens that templates see, by role (<c>bos_token</c>, <c>eos_token</c> and so on).</summary>
    public IReadOnlyDictionary<string, string> SpecialTokens { get; }

    /// <summary>Whether the folder had no template, so that this is the library's own: ChatML, with the answers marked.</summary>
    public bool IsFallback { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="template">Its text.</param>
    /// <param name="specialTokens">The special tokens that it sees, by role. Null: none.</param>
    /// <exception cref="ChatTemplateException">It is not written as a template must be, or longer than 8 million characters.</exception>
    public static ChatTemplate Parse(string template, IReadOnlyDictionary<string, string>? specialTokens = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        var source = new Source(template);
        _ = source.Compiled;
        return new(source, [], Copied(specialTokens ?? new Dictionary<string, string>()), false);
    }

    /// <summary>
    /// The templates of a tokenizer folder: <c>chat_template.jinja</c> and <c>additional_chat_templates/*.jinja</c>, or where there is none of these,
    /// <c>chat_template</c> of tokenizer_config.json; the fallback where there is none at all. <see cref="PretrainedTokenizer.ChatTemplate"/> gives the same.
    /// </summary>
    /// <param name="folder">The folder of a checkpoint.</param>
    /// <exception cref="CheckpointException">There is no such folder, or its templates are no text.</exception>
    public static ChatTemplate Load(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return WholeFolder.Read(folder, () =>
        {
            (IReadOnlyDictionary<string, byte[]> files, IReadOnlyDictionary<string, string> tokens) = TokenizerFolder.ReadChat(folder);
            return Of(files, folder, tokens);
        });
    }

    /// <summary>The same templates with other special tokens.</summary>
    /// <param name="specialTokens">The special tokens by role.</param>
    public ChatTemplate WithSpecialTokens(IReadOnlyDictionary<string, string> specialTokens)
    {
        ArgumentNullException.ThrowIfNull(specialTokens);
        return new(_single, _named, Copied(specialTokens), IsFallback);
    }

    /// <summary>The text of the template that options choose.</summary>
    /// <param name="options">Null: the default ones.</param>
    /// <exception cref="ChatTemplateException">There is no template of that name, or no default among several.</exception>
    public string TextOf(ChatOptions? options = null)
    {
        options ??= new ChatOptions();
        options.Validate();
        return Chosen(options).Text;
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="turns">The turns; at least one.</param>
    /// <param name="options">Null: the default ones.</param>
    /// <returns>The text, and where the template's generation marks say that answers stand; a template without marks says nothing.</returns>
    /// <exception cref="ArgumentException">There is no turn.</exception>
    /// <exception cref="InvalidOptionsException">Options contradict each other.</exception>
    /// <exception cref="ChatTemplateException">The template is broken, refuses the conversation or wants more than it may use;
    /// or there is no template of that name.</exception>
    public ChatRendering Render(IReadOnlyList<ChatTurn> turns, ChatOptions? options = null)
    {
        NullMembers.RequireEntries(turns, nameof(turns));
        if (turns.Count == 0) throw new ArgumentException("a conversation has at least one turn", nameof(turns));
        options ??= new ChatOptions();
        options.Validate();
        Source source = Chosen(options);
        var messages = new List<object>(turns.Count);
        foreach (ChatTurn turn in turns)
        {
            messages.Add(ChatMessages.Prepared(turn.Fields));
        }
        ContinuedMessage? continued = null;
        if (options.ContinueFinalMessage)
        {
            continued = new((DictValue)messages[^1], options.ContinuedField, source.Text);
            messages[^1] = continued.Message;
        }
        TemplateOutput output = Run(source.Compiled, messages, options);
        return new(output, continued?.CutOf(output.Text) ?? output.Text.Length, source.Compiled.HasGenerationMarks);
    }

    /// <summary>
    /// Renders a conversation and says where its answers stand: by the template's generation marks, or where it has none, by rendering the conversation up to
    /// each answer and up to its end. These must begin the whole text, or the answers are not where they seem to be, and the conversation is refused.
    /// Takes three or four more renderings for each answer.
    /// </summary>
    /// <param name="turns">The turns; at least one.</param>
    /// <param name="options">Null: the default ones.</param>
    /// <exception cref="ArgumentException">There is no turn.</exception>
    /// <exception cref="InvalidOptionsException">Options contradict each other.</exception>
    /// <exception cref="ChatTemplateException">As <see cref="Render"/>; or it cannot be proved where an answer stands.</exception>
    public ChatRendering RenderWithAnswers(IReadOnlyList<ChatTurn> turns, ChatOptions? options = null)
    {
        options = (options ?? new ChatOptions()) with { Clock = StoppedClock.Of(options?.Clock) };
        ChatRendering rendering = Render(turns, options);
        return rendering.Source == AnswerSource.GenerationMarks ? rendering.Checked() : rendering.With(AnswerProof.Of(this, turns, options, rendering.Text));
    }

    /// <summary>Whether it is the fallback and this was not logged yet: once is enough.</summary>
    internal bool AnnouncesFallback() => IsFallback && Interlocked.Exchange(ref _announced, 1) == 0;

    internal static ChatTemplate Of(IReadOnlyDictionary<string, byte[]> files, string folder, IReadOnlyDictionary<string, string> specialTokens)
    {
        FoundTemplates? found = ChatTemplateFiles.Find(files, folder);
        if (found is null) return new(new Source(ChatMl.Text), [], specialTokens, isFallback: true);
        Source? single = found.Single is { } only ? new(only.Text, only.Origin) : null;
        return new(single, found.Named.ToDictionary(entry => entry.Key, entry => new Source(entry.Value.Text, entry.Value.Origin), StringComparer.Ordinal),
            specialTokens, isFallback: false);
    }

    private static Dictionary<string, string> Copied(IReadOnlyDictionary<string, string> specialTokens)
    {
        NullMembers.RequireValues(specialTokens, nameof(specialTokens));
        return new(specialTokens, StringComparer.Ordinal);
    }

    private Source Chosen(ChatOptions options)
    {
        if (options.TemplateText is { } text)
        {
            // The last one given is kept: a caller that gives one gives it for every conversation.
            Source? last = Volatile.Read(ref _lastGiven);
            if (last?.Text != text) Volatile.Write(ref _lastGiven, last = new Source(text));
            return last;
        }
        string known = _named.Count == 0 ? "it has a single one without a name" : $"it has {string.Join(", ", Names)}";
        if (options.TemplateName is { } name)
        {
            return _named.GetValueOrDefault(name) ?? throw new ChatTemplateException($"there is no template named '{name}'; {known}");
        }
        return _single ?? (options.Tools is null ? null : _named.GetValueOrDefault(ToolUse)) ?? _named.GetValueOrDefault(Default)
            ?? throw new ChatTemplateException($"there are several templates and none of them is the default; {known}: choose one by TemplateName");
    }

    private TemplateOutput Run(CompiledTemplate template, IReadOnlyList<object> messages, ChatOptions options) =>
        template.Render(ChatMessages.Variables(messages, SpecialTokens, options), options.Clock);

    /// <summary>A template's text, read when first used; the error of a broken one comes again each time.</summary>
    private sealed class Source(string text, string? origin = null)
    {
        private CompiledTemplate? _compiled;

        public string Text { get; } = text;

        public CompiledTemplate Compiled => _compiled ??= CompiledTemplate.Parse(Text, null, origin);
    }
}
