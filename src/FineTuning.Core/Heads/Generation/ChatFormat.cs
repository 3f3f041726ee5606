using FineTuning.Errors;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>A chat template with the tokens it writes, for a base model that has none; see <c>Pretrained.AddChatFormat</c>.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Template">Its text in the language of chat templates, with the answers marked.</param>
/// <param name="Tokens">The special tokens that it writes.</param>
/// <param name="EndToken">The token that ends an answer; null: the tokenizer's own end token.</param>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record ChatFormat(string Name, string Template, IReadOnlyList<string> Tokens, string? EndToken)
{
    /// <summary>What it is called.</summary>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(Name)); } = Name ?? throw new ArgumentNullException(nameof(Name));

    /// <summary>The template.</summary>
    public string Template { get; init => field = value ?? throw new ArgumentNullException(nameof(Template)); }
        = Template ?? throw new ArgumentNullException(nameof(Template));

    /// <summary>Tokens that the vocabulary needs.</summary>
    public IReadOnlyList<string> Tokens { get; init => field = Present(value); } = Present(Tokens);

    private const string ChatMlTemplate = """
        {%- for message in messages -%}
            {{- '<|im_start|>' + message.role + '\n' -}}
            {%- if message.role == 'assistant' -%}
                {%- generation -%}{{- (message.content or '') + '<|im_end|>' -}}{%- endgeneration -%}
            {%- else -%}
                {{- (message.content or '') + '<|im_end|>' -}}
            {%- endif -%}
            {{- '\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
        """;

    private const string PlainTemplate = """
        {%- if bos_token is defined %}{{- bos_token -}}{% endif -%}
        {%- for message in messages -%}
            {%- if message.role == 'assistant' -%}
                {{- 'Assistant: ' -}}{%- generation -%}{{- (message.content or '') + eos_token -}}{%- endgeneration -%}{{- '\n\n' -}}
            {%- elif message.role == 'system' -%}
                {{- (message.content or '') + '\n\n' -}}
            {%- else -%}
                {{- 'User: ' + (message.content or '') + '\n\n' -}}
            {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- 'Assistant: ' -}}{%- endif -%}
        """;

    private const string Refusal =
        "{{ raise_exception('this chat format knows no tools and no reasoning: choose a checkpoint that has a template for them') }}";

    private static readonly string Refusals = string.Concat(new[] { "message.tool_calls", "message.reasoning_content" }.Select(field =>
        $"{{%- for message in messages -%}}{{%- if {field} %}}{Refusal}{{% endif -%}}{{%- endfor -%}}\n"))
        + "{%- if tools %}" + Refusal + "{% endif -%}\n";

    /// <summary>ChatML: each turn between <c>&lt;|im_start|&gt;</c> and <c>&lt;|im_end|&gt;</c>, which become tokens.</summary>
    public static ChatFormat ChatMl { get; } = new("chatml", Refusals + ChatMlTemplate, ["<|im_start|>", "<|im_end|>"], "<|im_end|>");

    /// <summary>Words for the speakers and the tokenizer's own end token behind an answer: nothing is added to the vocabulary.</summary>
    public static ChatFormat Plain { get; } = new("plain", Refusals + PlainTemplate, [], null);

    private static IReadOnlyList<string> Present(IReadOnlyList<string> tokens)
    {
        NullMembers.RequireEntries(tokens, nameof(Tokens));
        return tokens;
    }

    /// <summary>What is added to the vocabulary.</summary>
    internal IEnumerable<NewToken> NewTokens => Tokens.Select(token => new NewToken(token) { Special = true });
}
