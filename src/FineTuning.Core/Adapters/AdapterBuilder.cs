using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>Puts a method on the modules of a model that its targets mean, with fresh tensors or those of a file.</summary>
internal sealed class AdapterBuilder
{
    private const int NamesShown = 8;
    private readonly OutputHead _head;
    private readonly Adapter _options;
    private readonly ParameterSource _source;
    private readonly BuiltAdapter _built;
    private readonly string _prefix;

    private AdapterBuilder(OutputHead head, Adapter options, ParameterSource source, BuiltAdapter built)
    {
        (_head, _options, _source, _built) = (head, options, source, built);
        _prefix = head.Kind == HeadKind.None ? head.Trunk.Model.Names.Prefix : "";
    }

    /// <param name="head">The model.</param>
    /// <param name="options">The method.</param>
    /// <param name="file">The adapter's tensors; null: they are fresh.</param>
    /// <param name="where">What messages call the file.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <exception cref="InvalidOptionsException">The targets mean no module.</exception>
    /// <exception cref="CheckpointException">The file's tensors are not those that the model needs: all are listed.</exception>
    public static BuiltAdapter Build(OutputHead head, Adapter options, ITensorSource? file, string where, long seed)
    {
        var violations = new List<string>();
        options.Targets.CollectViolations(violations);
        options.CollectViolations(violations);
        if (violations.Count > 0) throw new InvalidOptionsException(violations);
        if (file is null && options.TrainsHead)
        {
            options = options with { ModulesToSave = [.. options.ModulesToSave.Concat(HeadNames(head)).Distinct(StringComparer.Ordinal)] };
        }
        options = options.For(head);
        var weights = new WeightSet(head.Trunk.Weights.Gate);
        ScalarType type = head.Trunk.TokenTable.Weight.Value.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        using var source = new ParameterSource(weights, file, type, head.Device, seed) 
        {
            ModelType = head.Trunk.Config.Text("model_type") ?? "", KeyPrefix = options.FilePrefix,
        };
        var built = new BuiltAdapter(head, options, weights);
        try
        {
            var builder = new AdapterBuilder(head, options, source, built);
            builder.Make();
            if (file is not null) builder.RequireWhole(where);
            built.Entries = [.. source.Entries];
            return built;
        }
        catch
        {
            built.Dispose();
            throw;
        }
    }

    private IEnumerable<(string Path, LinearModule Module)> Linears => _head.Trunk.Modules.Linears.Concat(_head.Modules.Linears)
        .Select(module => (PathOf(module.Path), module));

    private void Make()
    {
        IReadOnlyList<string>? defaults = _options.DefaultsFor(_source.ModelType,
            Parameters().Where(one => one.Weight.Kind == WeightKind.Norm).Select(one => ModuleOf(one.Name)).Distinct());
        var match = new ModuleMatch(_options.Targets, defaults ?? [], _options.ModulesToSave);
        bool isPlain = !_options.HasTargets;
        _built.Prompt = _options.OnTrunk(_head, _source);
        (string Path, LinearModule Module)[] linears = isPlain ? [] : [.. Linears.Where(pair => match.Matches(pair.Path, true, IsOutput(pair.Module)))];
        if (linears.Length > 0) _source.Largest = (linears.Max(pair => pair.Module.Inputs), linears.Max(pair => pair.Module.Length));
        foreach ((string path, EmbeddingTable table) in isPlain ? [] : _head.Trunk.Modules.Tables.Select(table => (PathOf(table.Path), table)))
        {
            if (!match.Matches(path, false, false) || _options.OnTable(table, path, _source) is not { } method) continue;
            _built.Tables.Add(method);
            _built.Paths.Add(path);
            BaseMatrix(path, table.Weight);
        }
        foreach ((string path, LinearModule module) in linears)
        {
            if (_options.OnLinear(module, path, _source) is not { } method) continue;
            _built.Linears.Add(method);
            _built.Paths.Add(path);
            if (module.Linear.Name == "head.output") BaseMatrix(path, LinearMethod.Dense(module).Weight);
        }
        Tied();
        Tokens();
        Wholes(match);
        if (_built.Prompt is not null) return;
        if (_built.Linears.Count + _built.Tables.Count + _built.Wholes.Count == 0 || (_options.NeedsModule && _built.Paths.Count == 0))
        {
            string known = string.Join(", ", Linears.Select(pair => pair.Path).Take(NamesShown));
            throw new InvalidOptionsException([defaults is not null || _options.Targets != ModuleTargets.ByFamily
                ? $"the adapter's targets mean no module of this model, so that nothing would be tuned; its linear modules are called {known} and so on"
                : $"for models of the kind '{_source.ModelType}' no targets are known: name them (On(l => l.AllLinear()), or Named); linear modules are " +
                    $"called {known} and so on"]);
        }
        if (_source.IsFresh && _options.Targets.Names is not null)
        {
            string[] all = [.. Linears.Select(pair => pair.Path), .. _head.Trunk.Modules.Tables.Select(table => PathOf(table.Path)), .. Parameters()
                .Select(one => ModuleOf(one.Name))];
            string[] idle = [.. match.Idle(all)];
            if (idle.Length > 0) throw new InvalidOptionsException([$"the target modules {string.Join(", ", idle.Select(name => $"'{name}'"))} are none " +
                $"of this model's; its linear modules are called {string.Join(", ", all.Take(NamesShown))} and so on"]);
        }
    }

    // An adapter of embeddings that is kept tied to the output layer.
    private void Tied()
    {
        if (_options is not LoraAdapter { TiesOutput: true } || !_head.IsTied) return;
        if (_built.Tables.Find(method => ReferenceEquals(method.Table, _head.Trunk.TokenTable)) is not LoraTable table) return;
        LinearModule output = _head.Modules.Linears.First(module => module.Linear.Name == "head.output");
        if (_built.Linears.Exists(method => method.Module == output)) return;
        string path = PathOf(output.Path);
        _built.Linears.Add(new LoraTiedOutput(output, path, table, _source));
        _built.Paths.Add(path);
        BaseMatrix(path, LinearMethod.Dense(output).Weight);
    }

    // Rows of the token embeddings, also where the output layer is tied to them.
    private void Tokens()
    {
        if (_options.TrainedTokens.Count == 0) return;
        EmbeddingTable table = _head.Trunk.TokenTable;
        Tensor own = table.Weight.Value;
        int[] outside = [.. _options.TrainedTokens.Where(id => id >= own.shape[0])];
        if (outside.Length > 0) throw new InvalidOptionsException([$"the token {outside[0]} is none of this model's {own.shape[0]}"]);
        if (_options.TrainedTokens.Distinct().Count() != _options.TrainedTokens.Count) throw new InvalidOptionsException(["a token is named twice"]);
        using var scope = NewDisposeScope();
        Tensor ids = tensor(_options.TrainedTokens.Select(id => (long)id).ToArray(), device: _head.Device).DetachFromDisposeScope();
        Weight rows = _source.Make(PathOf(table.Path), _options.TokenSuffix, [ids.shape[0], own.shape[1]], 0, () => own.detach().index_select(0, ids));
        TableMethod? inner = _built.Tables.Find(method => ReferenceEquals(method.Table, table));
        if (inner is not null) _built.Tables.Remove(inner);
        _built.Tables.Add(new TokenRows(table, rows, ids, inner));
        if (_head.IsTied && _head.Modules.Linears.FirstOrDefault(module =>
            module.Linear.Name == "head.output") is { } output) _built.Linears.Add(new TokenOutputs(output, rows, ids));
    }

    // What trains whole: modules to save, biases, norms.
    private void Wholes(ModuleMatch match)
    {
        (Weight Weight, WeightPart Part, string Name)[] all = [.. Parameters()];
        HashSet<string> norms = [.. all.Where(one => one.Weight.Kind == WeightKind.Norm).Select(one => ModuleOf(one.Name))];
        var adapted = _built.Paths.ToHashSet(StringComparer.Ordinal);
        string? KeyOf((Weight Weight, WeightPart Part, string Name) one)
        {
            string module = ModuleOf(one.Name);
            if (!adapted.Contains(module) && _options.ModulesToSave.Any(name =>
                Ancestors(module).Any(path => path.EndsWith(name, StringComparison.Ordinal)))) return _source.KeyPrefix + one.Name;
            if (_options.KeyOfWhole(one.Name, one.Weight.Kind, norms.Contains(module), match.Matches(module, false, false)) is { } own) return own;
            if (!one.Name.EndsWith("bias", StringComparison.Ordinal)) return null;
            bool trains = _options.TrainedBiases == TrainedBiases.All || (_options.TrainedBiases == TrainedBiases.OfAdapted && adapted.Contains(module));
            return !trains ? null : adapted.Contains(module) ? $"{_source.KeyPrefix}{module}.base_layer.bias" : _source.KeyPrefix + one.Name;
        }
        foreach (IGrouping<Weight, (Weight Weight, WeightPart Part, string Name)> group in all.GroupBy(one => one.Weight))
        {
            (WeightPart Part, string? Key)[] parts = [.. group.Select(one => (one.Part, KeyOf(one)))];
            if (parts.All(part => part.Key is null)) continue;
            if (parts.All(part => part.Key is not null)) Whole(group.Key, parts);
            else Pieces(group.Key, parts);
        }
    }

    private void Whole(Weight weight, (WeightPart Part, string? Key)[] parts)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor value = weight.Own.detach().to(_source.Type).clone();
        foreach ((WeightPart part, string? key) in parts)
        {
            Tensor own = part.Of(value);
            Tensor stored = _source.Take(key!, own.shape, () => own);
            if (!_source.IsFresh) value.narrow(0, part.Start, part.Length).copy_(part.Layout.FromFile(stored));
            _source.Add(key!, () => part.Of(weight.Value));
        }
        value.DetachFromDisposeScope();
        value.requires_grad_(true);
        TunedTensors.Set(value, weight.IsTuned || !_source.IsFresh);
        _built.Wholes.Add((weight, value));
    }

    // A weight of which only some pieces train: biases of modules that are stacked here.
    private void Pieces(Weight weight, (WeightPart Part, string? Key)[] parts)
    {
        foreach ((WeightPart part, string? key) in parts.Where(part => part.Key is not null))
        {
            LinearMethod? method = _built.Linears.Find(own => ReferenceEquals(own.Module.Linear.Bias, weight) && own.Module.Start == part.Start);
            if (method is null) throw new InvalidOptionsException([$"'{part.CheckpointName}' lies in one matrix with others that do not train: it cannot " +
                $"be trained whole alone; name all of {string.Join(", ", weight.Parts.Select(own => own.CheckpointName))}"]);
            using var scope = NewDisposeScope();
            string path = PathOf(method.Module.Path);
            Tensor own = method.BaseBias()!.detach();
            method.OwnBias = _source.Make(path, "base_layer.bias", own.shape, weight.Depth, () => own);
        }
    }

    // PEFT writes the frozen matrix of adapted embeddings and output layers too; one that differs was changed there.
    private void BaseMatrix(string path, Weight weight)
    {
        string key = $"{_source.KeyPrefix}{path}.base_layer.weight";
        if (_source.IsFresh)
        {
            if (path.EndsWith("embed_tokens", StringComparison.Ordinal) || path.EndsWith("lm_head", StringComparison.Ordinal)) _source.Add(key, () =>
                weight.Own);
            return;
        }
        if (!_source.Holds(key)) return;
        using var scope = NewDisposeScope();
        Tensor stored = _source.Take(key, weight.Own.shape, () => weight.Own);
        if (!stored.eq(weight.Own.to(stored.dtype)).all()
            .item<bool>()) _source.Faults.Add($"'{key}' holds another matrix than the model's '{path}': the adapter was made on another base, or on one " +
                $"whose vocabulary was changed");
        _source.Add(key, () => weight.Own);
    }

    private void RequireWhole(string where)
    {
        // PEFT writes these where biases train beside a head; the head's own entries say the same.
        foreach (string key in _source.Unread.Where(key => key.Contains(".modules_to_save.", StringComparison.Ordinal)
            || key.Contains(".original_module.", StringComparison.Ordinal)).ToArray()) _source.Ignore(key);
        string[] faults = [.. _source.Faults, .. _source.Unread.Select(key => $"'{key}' belongs to no module that the adapter is on")];
        if (faults.Length == 0) return;
        string more = faults.Length > NamesShown ? $"; and {faults.Length - NamesShown} more" : "";
        throw new CheckpointException(where, $"the adapter does not fit this model: {string.Join("; ", faults.Take(NamesShown))}{more}. Load it into the " +
            $"base that it was made on");
    }

    private IEnumerable<(Weight Weight, WeightPart Part, string Name)> Parameters() =>
        _head.Weights.SelectMany(weight => weight.Parts.Select(part => (weight, part, PathOf(part.CheckpointName))));

    private bool IsOutput(LinearModule module) => module.Linear.Name == "head.output" && _head.Kind != HeadKind.TokenClassification
        && _head.Kind != HeadKind.QuestionAnswering;

    private string PathOf(string name) => _prefix.Length > 0 && name.StartsWith(_prefix, StringComparison.Ordinal) ? name[_prefix.Length..] : name;

    private static string ModuleOf(string parameter) => parameter.LastIndexOf('.') is > 0 and var dot ? parameter[..dot] : parameter;

    private static IEnumerable<string> Ancestors(string path)
    {
        for (string at = path; ;)
        {
            yield return at;
            int dot = at.LastIndexOf('.');
            if (dot < 0) yield break;
            at = at[..dot];
        }
    }

    // The layers of a head for a task; those over the vocabulary were pretrained with the model.
    private static IEnumerable<string> HeadNames(OutputHead head)
    {
        if (head.Trunk.Model.Head(head.Kind).Output is null or { IsOverVocabulary: true }) return [];
        return head.Weights.Skip(head.Trunk.Weights.Count).SelectMany(weight => weight.Parts).Where(part => part.Prefix.Length == 0)
            .Select(part => part.CheckpointName.Split('.')[0]).Distinct(StringComparer.Ordinal);
    }
}
