using System.Globalization;
using System.Text.RegularExpressions;

namespace FineTuning.Adapters;

/// <summary>PEFT's rules of which modules are adapted, over paths without the wrapper's prefix.</summary>
internal sealed partial class ModuleMatch
{
    private readonly ModuleTargets _targets;
    private readonly IReadOnlyList<string> _names;
    private readonly IReadOnlyList<string> _saved;
    private readonly ModulePattern? _pattern;
    private readonly ModulePattern? _excluded;

    /// <param name="targets">The targets.</param>
    /// <param name="defaults">The names where the targets are the family's.</param>
    /// <param name="saved">Modules that train whole: never adapted, nor what is in them.</param>
    public ModuleMatch(ModuleTargets targets, IReadOnlyList<string> defaults, IReadOnlyList<string> saved)
    {
        _targets = targets;
        _names = targets.Names ?? (targets.Pattern is null && !targets.IsAllLinear ? defaults : []);
        _saved = saved;
        _pattern = targets.Pattern is null ? null : ModulePattern.Whole(targets.Pattern);
        _excluded = targets.ExcludedPattern is null ? null : ModulePattern.Whole(targets.ExcludedPattern);
    }

    /// <summary>The names that matched nothing so far.</summary>
    public IEnumerable<string> Idle(IReadOnlyCollection<string> paths) => _names.Where(name => !paths.Any(path => IsNamed(path, name)));

    /// <param name="path">The module's path.</param>
    /// <param name="isLinear">Whether it is a linear layer; embeddings are targets only by name or pattern.</param>
    /// <param name="isOutput">Whether it is the output layer, which all-linear leaves out.</param>
    public bool Matches(string path, bool isLinear, bool isOutput)
    {
        if (_excluded?.Matches(path) == true || _targets.Excluded.Any(name => IsNamed(path, name))) return false;
        if (_saved.Any(name => IsInside(path, name))) return false;
        if (_targets.IsAllLinear) return isLinear && !isOutput;
        if (_pattern is not null) return _pattern.Matches(path);
        if (_names.Contains(path)) return true;
        if (!_names.Any(name => IsNamed(path, name))) return false;
        return _targets.LayerNumbers is not { Count: > 0 } numbers || (LayerOf(path) is { } layer && numbers.Contains(layer));
    }

    /// <summary>Whether a path is a name, or ends in a dot and the name.</summary>
    public static bool IsNamed(string path, string name) =>
        path.EndsWith(name, StringComparison.Ordinal) && (path.Length == name.Length || path[path.Length - name.Length - 1] == '.');

    /// <summary>Whether a name is a run of whole segments of a path.</summary>
    public static bool IsInside(string path, string name) => $".{path}.".Contains($".{name}.", StringComparison.Ordinal);

    private int? LayerOf(string path)
    {
        foreach (string name in _targets.LayerNames)
        {
            Match named = Regex.Match(path, $@"^.*?\.?{Regex.Escape(name)}\.(\d{{1,9}})\.", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
            if (named.Success) return int.Parse(named.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        }
        if (_targets.LayerNames.Count > 0) return null;
        Match first = FirstNumber().Match(path);
        return first.Success ? int.Parse(first.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"^.*?\.[^.]*\.(\d{1,9})\.", RegexOptions.CultureInvariant)]
    private static partial Regex FirstNumber();
}
