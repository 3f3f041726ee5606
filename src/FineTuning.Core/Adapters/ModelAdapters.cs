using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>The adapters of a model by their names; at most one is active.</summary>
/// <remarks>Thread-safe: a change waits for the predictions that are inside, and those that come wait for it. While a run trains the model it is
/// refused.</remarks>
public sealed class ModelAdapters : IDisposable
{
    private const string WeightsName = "adapter_model.safetensors";
    private static readonly Dictionary<string, string> FormatMark = new() { ["format"] = "pt" };
    private readonly OutputHead _head;
    private readonly Lock _changes = new();
    private readonly Dictionary<string, BuiltAdapter> _adapters = new(StringComparer.Ordinal);

    internal ModelAdapters(OutputHead head) => _head = head;

    /// <summary>The names, in no order.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            using Lock.Scope alone = _changes.EnterScope();
            return [.. _adapters.Keys];
        }
    }

    /// <summary>The adapter that the model computes with; null: it is the base.</summary>
    public string? Active { get; private set; }

    /// <summary>The adapter that was merged; null: none is.</summary>
    public string? Merged { get; private set; }

    /// <summary>The recipe's text of the adapter that a run made last.</summary>
    internal string? TunedBy { get; set; }

    internal BuiltAdapter? Current => Active is null ? null : _adapters[Active];

    /// <summary>The paths of the modules that an adapter is on, as the checkpoint names them.</summary>
    /// <param name="name">The adapter's name.</param>
    public IReadOnlyList<string> ModulesOf(string name) => Find(name).Paths;

    /// <summary>Puts a fresh adapter on the model, which computes with it from now on; it begins as the base, but for starts that change nothing
    /// either.</summary>
    /// <param name="adapter">The method and its targets.</param>
    /// <param name="name">Its name.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <exception cref="InvalidOptionsException">The targets mean no module, settings are out of range, or there is an adapter of that name.</exception>
    public void Add(Adapter adapter, string name = "default", long seed = 42)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        Put(name, () => AdapterBuilder.Build(_head, adapter, null, name, seed));
    }

    /// <summary>Reads an adapter's folder, as PEFT or this library wrote it; the model computes with it from now on.</summary>
    /// <param name="folder">adapter_config.json and adapter_model.safetensors.</param>
    /// <param name="name">Its name.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, of a method that is not supported, or of another base: what does not fit
    /// is listed.</exception>
    public void Load(string folder, string name = "default")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "no such folder");
        Adapter adapter = AdapterConfig.Read(folder);
        string path = Path.Combine(folder, WeightsName);
        if (!File.Exists(path)) throw new CheckpointException(path,
            "it is missing; an adapter's folder holds adapter_config.json and adapter_model.safetensors (pickled adapters are not read: convert them)");
        using var file = SafetensorsFile.Open(path);
        Put(name, () => AdapterBuilder.Build(_head, adapter, file, path, 0));
    }

    /// <summary>Lets the model compute with an adapter.</summary>
    /// <param name="name">Its name.</param>
    public void Use(string name)
    {
        using Lock.Scope alone = _changes.EnterScope();
        BuiltAdapter built = Find(name);
        RequireUnmerged();
        if (Active == name) return;
        if (Active is null) RequireBare();
        _head.Weights.Exclusively(() =>
        {
            Current?.Detach();
            Active = null;
            built.Attach();
            Active = name;
        });
    }

    /// <summary>Lets the model compute as the base again, to the bit; the adapters stay.</summary>
    public void UseNone()
    {
        using Lock.Scope alone = _changes.EnterScope();
        RequireUnmerged();
        if (Active is null) return;
        _head.Weights.Exclusively(() =>
        {
            Current!.Detach();
            Active = null;
        });
    }

    /// <summary>Computes with the base while nobody else computes; the active adapter is switched off meanwhile.</summary>
    internal void OnBase(Action compute)
    {
        using Lock.Scope alone = _changes.EnterScope();
        if (Current is not { } built)
        {
            compute();
            return;
        }
        _head.Weights.Alone(() =>
        {
            built.Detach();
            try
            {
                compute();
            }
            finally
            {
                built.Attach();
            }
        });
    }

    /// <summary>Takes an adapter away and frees it.</summary>
    /// <param name="name">Its name.</param>
    public void Remove(string name)
    {
        using Lock.Scope alone = _changes.EnterScope();
        BuiltAdapter built = Find(name);
        if (Merged == name) throw new InvalidOperationException($"the adapter '{name}' is merged: unmerge it first");
        if (Active == name) UseNone();
        _adapters.Remove(name);
        built.Dispose();
    }

    /// <summary>Writes the active adapter into the base's weights, which cost a copy each until <see cref="Unmerge"/>; the model can be saved as a whole
    /// then.</summary>
    /// <param name="safe">Rounds the change to the base's type before it is added, as PEFT's safe_merge does. Default false.</param>
    /// <exception cref="NonFiniteException">The result is not finite; the base is as before.</exception>
    /// <exception cref="InvalidOperationException">No adapter is active, or it is on an embedding that the output layer shares.</exception>
    public void Merge(bool safe = false)
    {
        using Lock.Scope alone = _changes.EnterScope();
        RequireUnmerged();
        string name = Active ?? throw new InvalidOperationException("no adapter is active: there is nothing to merge (UseAdapter)");
        BuiltAdapter built = _adapters[name];
        // Both sides change alike, or the merged matrix would change the side that has no adapter.
        bool onTable = built.Tables.Exists(method => method is not TokenRows && ReferenceEquals(method.Table, _head.Trunk.TokenTable));
        bool onOutput = built.Linears.Exists(method => method is not TokenOutputs && method.Module.Linear.Name == "head.output");
        bool both = built.Linears.Exists(method => method is LoraTiedOutput);
        if (_head.IsTied && !both && (onTable || onOutput))
        {
            throw new InvalidOperationException("the adapter is on one side of a matrix that embeddings and output layer share: merged, it would change " +
                "both. Keep the adapter beside the model");
        }
        _head.Weights.Exclusively(() =>
        {
            using var scope = NewDisposeScope();
            built.Detach();
            Active = null;
            try
            {
                built.Merge(safe);
                Merged = name;
            }
            catch
            {
                built.Attach();
                Active = name;
                throw;
            }
        });
    }

    /// <summary>Restores the base to the bit and lets the model compute with the adapter beside it again.</summary>
    public void Unmerge()
    {
        using Lock.Scope alone = _changes.EnterScope();
        string name = Merged ?? throw new InvalidOperationException("no adapter is merged");
        BuiltAdapter built = _adapters[name];
        _head.Weights.Exclusively(() =>
        {
            built.Unmerge();
            Merged = null;
            built.Attach();
            Active = name;
        });
    }

    /// <summary>Writes the active adapter as a folder that PEFT opens: adapter_config.json and adapter_model.safetensors. The folder is whole or as it
    /// was.</summary>
    /// <param name="folder">Created if it does not exist; an empty folder, or one that this library saved, is replaced as a whole.</param>
    /// <exception cref="InvalidOperationException">No adapter is active, or its method has no form in a file.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        BuiltAdapter built = Current ?? throw new InvalidOperationException("no adapter is active: there is nothing to save (UseAdapter)");
        if (built.Options.PeftType is null) throw new InvalidOperationException($"{built.Options.GetType().Name} has no form in a file of PEFT: merge it " +
            $"(Merge) and save the model");
        using WeightPass pass = _head.Weights.Enter();
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        (string Key, Tensor Value)[] tensors = [.. built.Entries.Select(entry => (entry.Key, entry.Value().detach().contiguous()))
            .OrderBy(entry => entry.Key, StringComparer.Ordinal)];
        string[] infinite = [.. tensors.Where(entry => !entry.Value.isfinite().all().item<bool>()).Select(entry => entry.Key)];
        if (infinite.Length > 0) throw new NonFiniteException($"the adapter's {string.Join(", ", infinite.Take(5))} hold NaN or infinite numbers: it is " +
            $"not saved");
        Adapter written = built.Options.Targets == ModuleTargets.ByFamily && built.Paths.Count > 0
            ? built.Options.With(ModuleTargets.ByFamily.Named([.. built.Paths])) : built.Options;
        AtomicFolder.Write(folder, target =>
        {
            File.WriteAllText(Path.Combine(target, AdapterConfig.FileName), AdapterConfig.Write(written, TaskType()));
            SafetensorsWriter.Write(Path.Combine(target, WeightsName), tensors, FormatMark);
        });
    }

    /// <summary>Frees the adapters' tensors; after the model's.</summary>
    public void Dispose()
    {
        foreach (BuiltAdapter built in _adapters.Values) built.Dispose();
        _adapters.Clear();
        (Active, Merged) = (null, null);
    }

    private string? TaskType()
    {
        if (_head.Kind == HeadKind.SequenceClassification) return "SEQ_CLS";
        if (_head.Kind == HeadKind.TokenClassification) return "TOKEN_CLS";
        if (_head.Kind == HeadKind.QuestionAnswering) return "QUESTION_ANS";
        if (_head.Kind == HeadKind.CausalLanguage) return "CAUSAL_LM";
        return _head.Kind == HeadKind.SequenceToSequence ? "SEQ_2_SEQ_LM" : null;
    }

    private void Put(string name, Func<BuiltAdapter> build)
    {
        using Lock.Scope alone = _changes.EnterScope();
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        RequireUnmerged();
        if (_adapters.ContainsKey(name)) throw new InvalidOptionsException([$"the model has an adapter '{name}' already: a second one would be put on " +
            $"top. Give it another name, or remove the first (Adapters.Remove)"]);
        string? before = Active;
        if (before is not null) UseNone();
        RequireBare();
        try
        {
            _head.Weights.Exclusively(() =>
            {
                BuiltAdapter built = build();
                built.Attach();
                _adapters.Add(name, built);
                Active = name;
            });
        }
        catch when (before is not null)
        {
            Use(before);
            throw;
        }
    }

    private BuiltAdapter Find(string name) => _adapters.TryGetValue(name, out BuiltAdapter? built) ? built
        : throw new KeyNotFoundException($"the model has no adapter '{name}'; it has " +
            $"{(_adapters.Count == 0 ? "none" : string.Join(", ", _adapters.Keys.Order(StringComparer.Ordinal)))}");

    private void RequireBare()
    {
        if (_head.Weights.HasGuests) throw new InvalidOperationException("another head on this trunk has an active adapter: call its WithoutAdapter first");
    }

    private void RequireUnmerged()
    {
        if (Merged is not null) throw new InvalidOperationException($"the adapter '{Merged}' is merged into the model: unmerge it first (Adapters.Unmerge)");
    }
}
