using System.Collections.Frozen;

namespace FineTuning.Text.Jinja;

/// <summary>A filter: the value in front of it, and its arguments.</summary>
internal delegate object TemplateFilter(RenderState state, object value, Arguments arguments);

/// <summary>The filters there are, by name.</summary>
internal static class Filters
{
    private static readonly string[] Unsupported = ["filesizeformat", "pprint", "random", "striptags", "urlencode", "urlize", "wordwrap", "xmlattr"];

    private static readonly FrozenDictionary<string, TemplateFilter> All =
        TextFilters.All.Concat(NumberFilters.All).Concat(SequenceFilters.All).Concat(SelectionFilters.All).Concat(OrderFilters.All)
        .ToFrozenDictionary(StringComparer.Ordinal);

    public static bool Exists(string name) => All.ContainsKey(name);

    public static string Unknown(string name) =>
        Unsupported.Contains(name) ? $"the filter '{name}' is not supported in chat templates" : $"the filter '{name}' does not exist";

    public static object Apply(RenderState state, string name, object value, Arguments arguments) =>
        All.TryGetValue(name, out TemplateFilter? filter) ? filter(state, value, arguments) : throw new TemplateFault(Unknown(name));
}
