namespace FineTuning.Extensions.AI;

/// <summary>The forms of tool calls that are looked for in what a model writes. A model that writes them otherwise gives text.</summary>
[Flags]
public enum ToolCallForms
{
    /// <summary>Answers stay text.</summary>
    None = 0,

    /// <summary>Between tags, any number of them: <c>&lt;tool_call&gt;{"name": "...", "arguments": {...}}&lt;/tool_call&gt;</c> (Hermes, Qwen).</summary>
    Tags = 1,

    /// <summary>The whole answer is an array: <c>[{"name": "...", "arguments": {...}}]</c> (Mistral, behind its token).</summary>
    Array = 2,

    /// <summary>The whole answer is an object: <c>{"name": "...", "parameters": {...}}</c>, or with <c>arguments</c> (Llama 3).</summary>
    Object = 4,

    /// <summary>All of them.</summary>
    All = Tags | Array | Object,
}
