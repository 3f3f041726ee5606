using System.Text.Json.Nodes;
using FineTuning.Errors;
using Microsoft.Extensions.Logging;

namespace FineTuning.Text;

/// <summary>How a conversation is rendered and encoded.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>. May be shared between threads as long as the JSON is not changed in <see cref="Variables"/>.</remarks>
public sealed record ChatOptions
{
    private static readonly string[] Reserved = ["messages", "tools", "documents", "add_generation_prompt"];

    /// <summary>Whether the text ends with what begins an answer, for a model that shall write one. Default false.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>
    /// Whether the text ends within the last turn, for a model that shall go on from there. Default false; not together with <see cref="AddGenerationPrompt"/>.
    /// </summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>
    /// The field of the last turn that is to be continued: <c>content</c> (default), <c>reasoning_content</c> or another that the template writes.
    /// </summary>
    public string ContinuedField { get; init => field = value ?? throw new ArgumentNullException(nameof(ContinuedField)); } = "content";

    /// <summary>The tools. Null: there are none. An empty list is not the same: templates may say so.</summary>
    public IReadOnlyList<ChatTool>? Tools { get; init; }

    /// <summary>The documents. Null: there are none.</summary>
    public IReadOnlyList<ChatDocument>? Documents { get; init; }

    /// <summary>Variables of the template, for example <c>enable_thinking</c>; they win over special tokens of the same name.</summary>
    public IReadOnlyDictionary<string, JsonNode?> Variables
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(Variables));
    } = new Dictionary<string, JsonNode?>();

    /// <summary>Which of a folder's named templates is taken; null: <c>tool_use</c> where there are tools and such a template, else <c>default</c>.</summary>
    public string? TemplateName { get; init; }

    /// <summary>The text of a template to be used instead of the folder's. Null: the folder's. Not together with <see cref="TemplateName"/>.</summary>
    public string? TemplateText { get; init; }

    /// <summary>What time a template sees. Default: the system's.</summary>
    public TimeProvider Clock { get; init => field = value ?? throw new ArgumentNullException(nameof(Clock)); } = TimeProvider.System;

    /// <summary>When encoding, the most tokens; null (default): nothing is cut. The side is the tokenizer's.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>Told what is wrong with a conversation, and which fallback was taken. Null: no one is told.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Whether the text is for a model to go on from, so that nothing of it needs a mask.</summary>
    internal bool IsPrompt => AddGenerationPrompt || ContinueFinalMessage;

    /// <exception cref="InvalidOptionsException">Settings contradict each other or are out of range.</exception>
    internal void Validate()
    {
        new NullMembers().Entries(Tools, nameof(Tools)).Entries(Documents, nameof(Documents)).Require("options");
        var violations = new List<string>();
        if (AddGenerationPrompt && ContinueFinalMessage)
            violations.Add("AddGenerationPrompt and ContinueFinalMessage are both set: the text ends with a new answer's beginning, or within the last turn");
        if (ContinueFinalMessage && string.IsNullOrEmpty(ContinuedField))
            violations.Add("ContinuedField is empty: it names the field of the last turn that is to be continued");
        if (TemplateName is not null && TemplateText is not null) violations.Add("TemplateName and TemplateText are both set: one template can be taken");
        if (MaximumLength < 1) violations.Add($"MaximumLength is {MaximumLength}: it is at least 1, or null");
        foreach (string name in Reserved)
        {
            if (Variables.ContainsKey(name)) violations.Add($"Variables holds '{name}', which the turns and the other options say");
        }
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
    }
}
