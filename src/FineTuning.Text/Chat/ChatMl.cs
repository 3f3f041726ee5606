namespace FineTuning.Text;

/// <summary>The template for folders without one: ChatML, answers marked.</summary>
internal static class ChatMl
{
    public const string Begin = "<|im_start|>", End = "<|im_end|>";

    private const string Remedy = "give the folder a chat_template.jinja";

    public const string Text = $$$"""
        {%- if tools %}{{ raise_exception('the fallback template knows no tools: {{{Remedy}}}') }}{% endif -%}
        {%- if documents %}{{ raise_exception('the fallback template knows no documents: {{{Remedy}}}') }}{% endif -%}
        {%- macro words(content) -%}
            {%- if content is string -%}
                {{- content -}}
            {%- else -%}
                {%- for part in content or [] -%}
                    {%- if part.text is not string %}{{ raise_exception('the fallback template knows text only: {{{Remedy}}}') }}{% endif -%}
                    {{- part.text -}}
                {%- endfor -%}
            {%- endif -%}
        {%- endmacro -%}
        {%- for message in messages -%}
            {%- if message.tool_calls %}{{ raise_exception('the fallback template knows no tool calls: {{{Remedy}}}') }}{% endif -%}
            {%- if message.reasoning_content %}{{ raise_exception('the fallback template knows no reasoning: {{{Remedy}}}') }}{% endif -%}
            {{- '<|im_start|>' + message.role + '\n' -}}
            {%- if message.role == 'assistant' -%}
                {%- generation -%}{{- words(message.content) + '<|im_end|>' -}}{%- endgeneration -%}
            {%- else -%}
                {{- words(message.content) + '<|im_end|>' -}}
            {%- endif -%}
            {{- '\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{- '<|im_start|>assistant\n' -}}
        {%- endif -%}
        """;
}
