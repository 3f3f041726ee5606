namespace FineTuning.Fuzz;

/// <summary>Words of the language of chat templates.</summary>
internal static class TemplateWords
{
    public static readonly string[] All =
    [
        "{{", "}}", "{%", "%}", "{%-", "-%}", "{#", "#}", "{{-", "-}}", "{%+", "{% if ", "{% else %}", "{% elif ", "{% endif %}", "{% for x in ", "{% endfor %}", "{% set ", "{% endset %}", "{% macro m(a, b=1) %}", "{% endmacro %}",
        "{% call ", "{% endcall %}", "{% filter ", "{% endfilter %}", "{% generation %}", "{% endgeneration %}", "{% break %}", "{% continue %}", "{% raw %}", "{% endraw %}", "{% block b %}", "{% endblock %}", "{% with ", "{% endwith %}",
        "namespace(", "range(", "raise_exception(", "strftime_now(", "dict(", "cycler(", "joiner(", "lipsum", "caller()", "loop.index", "loop.previtem", "loop.cycle(", "loop.changed(", "loop(", "recursive", "messages", "tools", "message", "content",
        "|tojson", "|length", "|trim", "|join(", "|map(", "|map(attribute='role')", "|selectattr('role', ", "|rejectattr(", "|select(", "|list", "|string", "|int", "|float", "|default(", "|replace(", "|indent(", "|first", "|last", "|sort", "|unique",
        "|dictsort", "|items", "|upper", "|lower", "|title", "|capitalize", "|reverse", "|batch(", "|slice(", "|groupby(", "|sum", "|round(", "|abs", "|format(", "|center(", "|truncate(", "|wordwrap(", "|urlencode", "|xmlattr", "|escape", "|safe", "|pprint",
        " is defined", " is string", " is mapping", " is iterable", " is none", " is not ", " in ", " not in ", " and ", " or ", "not ", " if ", " else ", "==", "!=", "<=", "**", "//", "%", "~", "[", "]", "(", ")", "[::-1]", "[1:]", ".split(", ".strip(",
        ".format(", ".items()", ".get(", ".replace(", ".join(", ".zfill(", ".expandtabs(", ".startswith(", "'%s' % ", "'{:>10}'", "'%1000d'", "{'a': 1}", "[1, 2]", "(1,)", "1e308", "10**", "9999999999999999999", "-1", "0", "true", "none", "'", "\"", "\\", "\n",
    ];
}
