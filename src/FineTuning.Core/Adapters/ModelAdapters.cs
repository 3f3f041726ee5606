using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>The adapters of a model by their names; at most one is active.</summary>
/// <remarks>Thread-safe: a change waits for the predictions that are inside, and those that come wait for it. While a run trains the model it is
/// refused.</remarks>
public sealed class ModelAdapters : IDisposable
{
    private readonly OutputHead _head;
    private readonly Lock _changes = new();
    // Replaced as a whole: who predicts reads it without a lock, since a change that takes an adapter away waits for all who are inside.
    private volatile Dictionary<string, BuiltAdapter> _adapters = new(StringComparer.Ordinal);

    private Weight? _untied;
    private volatile bool _isDisposed;

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

    internal BuiltAdapter? Current => Active is null ? null : _adapters[Active];

    /// <summary>The paths of the modules that an adapter is on, as the checkpoint names them.</summary>
    /// <param name="name">The adapter's name.</param>
    public IReadOnlyList<string> ModulesOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ThrowIfDisposed();
        return Find(name).Paths;
    }

    /// <summary>Puts a fresh adapter on the model, which computes with it from now on; it begins as the base, but for starts that change nothing
    /// either.</summary>
    /// <param name="adapter">The method and its targets.</param>
    /// <param name="name">Its name.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <param name="use">Whether the model computes with it from now on; false: it goes on with what it had.</param>
    /// <exception cref="InvalidOptionsException">The targets mean no module, settings are out of range, or there is an adapter of that name.</exception>
    public void Add(Adapter adapter, string name = "default", long seed = 42, bool use = true)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        Put(name, use, () => AdapterBuilder.Build(_head, adapter, null, name, seed));
    }

    /// <summary>Reads an adapter's folder, as PEFT or this library wrote it; the model computes with it from now on.</summary>
    /// <param name="folder">adapter_config.json and adapter_model.safetensors.</param>
    /// <param name="name">Its name.</param>
    /// <param name="use">Whether the model computes with it from now on; false: it goes on with what it had.</param>
    /// <param name="anyBase">Whether a base of the same shapes will do; false: one that this library saved needs the base that it was made on.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged or hostile, of a method that is not supported, or of another base: what does not fit
    /// is listed.</exception>
    public void Load(string folder, string name = "default", bool use = true, bool anyBase = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Put(name, use, () => WholeFolder.Read(folder, () => AdapterFolder.Read(folder, _head, anyBase)));
    }

    /// <summary>Makes one adapter of several, which the model computes with from now on; the several stay.</summary>
    /// <param name="name">The new one's name.</param>
    /// <param name="combination">How.</param>
    /// <param name="parts">The adapters, with weights other than 0.</param>
    /// <exception cref="InvalidOptionsException">Settings are out of range, there is an adapter of that name, or an adapter is not plain LoRA on linear layers.
    /// </exception>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    public void Combine(string name, AdapterCombination combination, params (string Name, double Weight)[] parts) => Combine(name, combination, null, parts);

    /// <summary>The same with given draws.</summary>
    internal void Combine(string name, AdapterCombination combination, Func<string, string, Tensor, Tensor>? keep, params (string Name, double Weight)[] parts)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(combination);
        ArgumentNullException.ThrowIfNull(parts);
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].Name is null) throw new ArgumentException($"parts[{i}] has no name", nameof(parts));
        }
        Derive(name, () => CombinedAdapter.Of(combination, [.. parts.Select(part => (part.Name, Find(part.Name), part.Weight))], keep));
    }

    /// <summary>Makes plain LoRA of an adapter whose start changed the base (PiSSA, OLoRA): of twice the rank, on the base as it was. The model computes
    /// with it
    /// from now on; the first stays.</summary>
    /// <param name="name">The adapter.</param>
    /// <param name="plain">The new one's name.</param>
    /// <exception cref="InvalidOptionsException">The adapter is no such LoRA, or there is one of the new name.</exception>
    public void Convert(string name, string plain)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(plain);
        Derive(plain, () => PlainLora.Of(name, Find(name)));
    }

    /// <summary>Lets the model compute with an adapter.</summary>
    /// <param name="name">Its name.</param>
    public void Use(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        using Lock.Scope alone = _changes.EnterScope();
        ThrowIfDisposed();
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
        ThrowIfDisposed();
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

    /// <summary>Puts a fresh adapter on the model inside the run that the calling thread makes, which has all weights for itself.</summary>
    internal void AddInRun(Adapter adapter, string name, long seed) => Put(name, true, () => AdapterBuilder.Build(_head, adapter, null, name, seed), Inside);

    /// <summary>Takes an adapter away inside such a run.</summary>
    internal void RemoveInRun(string name) => Remove(name, Inside);

    // Alone also where the thread's own run is what nobody else computes beside.
    private void Inside(Action change) => _head.Weights.Alone(() =>
    {
        using var gradients = no_grad();
        change();
    });

    /// <summary>Switches inside the calling thread's own run, where nobody else computes. Null: to the base.</summary>
    /// <exception cref="InvalidOperationException">The calling thread has no run of its own.</exception>
    internal void Switch(string? name)
    {
        if (Active == name) return;
        if (!_head.Weights.Gate.IsOwnRun) throw new InvalidOperationException("adapters are switched inside a run of the calling thread's own alone");
        BuiltAdapter? next = name is null ? null : Find(name);
        Current?.Detach();
        Active = null;
        next?.Attach();
        Active = name;
    }

    /// <summary>Takes an adapter away and frees it.</summary>
    /// <param name="name">Its name.</param>
    public void Remove(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Remove(name, _head.Weights.Exclusively);
    }

    private void Remove(string name, Action<Action> alone)
    {
        using Lock.Scope own = _changes.EnterScope();
        ThrowIfDisposed();
        BuiltAdapter built = Find(name);
        if (Merged == name) throw new InvalidOperationException($"the adapter '{name}' is merged: unmerge it first");
        alone(() =>
        {
            if (Active == name)
            {
                built.Detach();
                Active = null;
            }
            var others = new Dictionary<string, BuiltAdapter>(_adapters, StringComparer.Ordinal);
            others.Remove(name);
            _adapters = others;
            built.Dispose();
        });
    }

    /// <summary>Answers the inputs of a call with an adapter each, computed together: the base for all, each adapter for its own inputs.</summary>
    /// <typeparam name="TResult">What the call gives.</typeparam>
    /// <param name="names">The adapter of each input, in their order; null: the base.</param>
    /// <param name="predict">Predicts or generates with this model, on the calling thread, for example <c>() => model.PredictBatch(texts)</c>.</param>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    /// <exception cref="ArgumentException">There are not as many inputs as names.</exception>
    /// <exception cref="InvalidOperationException">An adapter changes more than the rows of one batch can differ in: embeddings, norms, learned prompts.
    /// </exception>
    /// <remarks>Thread-safe, also while others predict with the active adapter. A layer of a task that an adapter was saved with is used for its inputs.
    /// </remarks>
    public TResult Route<TResult>(IReadOnlyList<string?> names, Func<TResult> predict)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(predict);
        ThrowIfDisposed();
        foreach (string name in names.OfType<string>()) Find(name);
        return new AdapterRequests(this, _head, [.. names]).During(predict);
    }

    /// <summary>Writes the active adapter into the base's weights, which cost a copy each until <see cref="Unmerge"/>; the model can be saved as a whole
    /// then. Where it is on the embeddings or on the output layer alone and both share a matrix, each has its own until then, and is saved so.</summary>
    /// <param name="safe">Rounds the change to the base's type before it is added, as PEFT's safe_merge does. Default false.</param>
    /// <exception cref="NonFiniteException">The result is not finite; the base is as before.</exception>
    /// <exception cref="InvalidOperationException">No adapter is active, it has no form as weights, or the base is quantised.</exception>
    public void Merge(bool safe = false)
    {
        using Lock.Scope alone = _changes.EnterScope();
        ThrowIfDisposed();
        RequireUnmerged();
        string name = Active ?? throw new InvalidOperationException("no adapter is active: there is nothing to merge (UseAdapter)");
        BuiltAdapter built = _adapters[name];
        if (built.Options.Unmergeable is { } reason) throw new InvalidOperationException($"the adapter '{name}' cannot be merged: {reason}. Keep the adapter " +
            $"beside the model (SaveAdapter)");
        foreach (LinearMethod method in built.Linears) LinearMethod.Dense(method.Module);
        _head.Weights.Exclusively(() =>
        {
            using var scope = NewDisposeScope();
            built.Detach();
            Active = null;
            try
            {
                // An adapter on one side of a shared matrix changes that side alone.
                if (built.IsOneSided) _untied = _head.Untie();
                built.Merge(safe);
                Merged = name;
            }
            catch
            {
                Tie();
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
        ThrowIfDisposed();
        string name = Merged ?? throw new InvalidOperationException("no adapter is merged");
        BuiltAdapter built = _adapters[name];
        _head.Weights.Exclusively(() =>
        {
            built.Unmerge();
            Tie();
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
        ThrowIfDisposed();
        BuiltAdapter built = Current ?? throw new InvalidOperationException("no adapter is active: there is nothing to save (UseAdapter)");
        if (built.Options.PeftType is null)
            throw new InvalidOperationException($"{built.Options.GetType().Name} has no form in a file of PEFT: merge it (Merge) and save the model");
        using WeightPass pass = _head.Weights.Enter();
        AdapterFolder.Write(folder, built, _head);
    }

    /// <summary>Frees the adapters' tensors; after the model's.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (BuiltAdapter built in _adapters.Values) built.Dispose();
        _adapters = new(StringComparer.Ordinal);
        (Active, Merged) = (null, null);
    }

    /// <exception cref="ObjectDisposedException">The adapters or the model were disposed.</exception>
    private void ThrowIfDisposed()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _head.Weights.ThrowIfClosed();
    }

    // Puts an adapter on the model that is made of those that are there.
    private void Derive(string name, Func<AdapterTensors> make)
    {
        using Lock.Scope alone = _changes.EnterScope();
        ThrowIfDisposed();
        AdapterTensors made;
        using (_head.Weights.Enter()) made = make();
        using AdapterTensors tensors = made;
        Put(name, true, () => AdapterBuilder.Build(_head, tensors.Options, tensors, name, 0));
    }

    private void Put(string name, bool use, Func<BuiltAdapter> build) => Put(name, use, build, _head.Weights.Exclusively);

    private void Put(string name, bool use, Func<BuiltAdapter> build, Action<Action> alone)
    {
        using Lock.Scope own = _changes.EnterScope();
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ThrowIfDisposed();
        RequireUnmerged();
        if (_adapters.ContainsKey(name)) throw new InvalidOptionsException([$"the model has an adapter '{name}' already: a second one would be put on " +
            $"top. Give it another name, or remove the first (Adapters.Remove)"]);
        if (Active is null) RequireBare();
        alone(() =>
        {
            // Fresh adapters look at the base.
            BuiltAdapter? before = Current;
            before?.Detach();
            BuiltAdapter? next = before;
            try
            {
                BuiltAdapter built = build();
                _adapters = new(_adapters, StringComparer.Ordinal) { [name] = built };
                if (use) (next, Active) = (built, name);
            }
            finally
            {
                next?.Attach();
            }
        });
    }

    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    internal BuiltAdapter Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _adapters.TryGetValue(name, out BuiltAdapter? built) ? built
            : throw new KeyNotFoundException($"the model has no adapter '{name}'; it has " +
                $"{(_adapters.Count == 0 ? "none" : string.Join(", ", _adapters.Keys.Order(StringComparer.Ordinal)))}");
    }

    private void Tie()
    {
        if (_untied is not null) _head.Tie(_untied);
        _untied = null;
    }

    private void RequireBare()
    {
        if (_head.Weights.HasGuests) throw new InvalidOperationException("another head on this trunk has an active adapter: call its WithoutAdapter first");
    }

    private void RequireUnmerged()
    {
        if (Merged is not null) throw new InvalidOperationException($"the adapter '{Merged}' is merged into the model: unmerge it first (Adapters.Unmerge)");
    }
}
