using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Strategies;

/// <summary>The adapters of several tasks on one trunk: that of the task which is computed is attached, and no other.</summary>
/// <remarks>Made before a run; switched on the run's own thread alone. The adapters stay their models'.</remarks>
internal sealed class AttachedAdapters
{
    private readonly Trunk _trunk;
    private readonly IReadOnlyList<TaskEntry> _tasks;
    private readonly BuiltAdapter?[] _adapters;
    private readonly HashSet<Weight> _held = [];
    private int _current = -1;

    private AttachedAdapters(Trunk trunk, IReadOnlyList<TaskEntry> tasks, BuiltAdapter?[] adapters) => (_trunk, _tasks, _adapters) = (trunk, tasks, adapters);

    /// <summary>Puts its adapter on each task's model; where one cannot be put, the others are taken away again. Null: no task has one.</summary>
    /// <exception cref="InvalidOptionsException">An adapter does not fit its model.</exception>
    public static AttachedAdapters? Put(Trunk trunk, IReadOnlyList<TaskEntry> tasks, IReadOnlyList<TaskAdapter> adapters)
    {
        if (adapters.Count == 0) return null;
        var fresh = new List<(ModelAdapters Adapters, string Name)>();
        try
        {
            foreach (TaskAdapter adapter in adapters)
            {
                TaskEntry task = tasks.First(task => task.Name == adapter.Task);
                if (adapter.Put(task.Model)) fresh.Add((task.Model.Adapters, adapter.Task));
            }
        }
        catch
        {
            foreach ((ModelAdapters put, string name) in fresh) put.Remove(name);
            throw;
        }
        return new(trunk, tasks, [.. tasks.Select(task => adapters.Any(own => own.Task == task.Name) ? task.Model.Adapters.Find(task.Name) : null)]);
    }

    /// <summary>The adapter of a task; null: it has none, and trains its head.</summary>
    public BuiltAdapter? Of(int task) => _adapters[task];

    /// <summary>What all tasks train, as one set in which the trunk stays.</summary>
    public WeightSet Join() => WeightSet.Apart(_trunk.Weights, [.. _tasks.Select((task, i) => (task.Name, task.Model.Weights, Trained(_adapters[i])))]);

    /// <summary>Holds what does not train, from the first step to <see cref="Leave"/>.</summary>
    public void Hold()
    {
        _held.UnionWith(_trunk.Weights.Own);
        for (int i = 0; i < _tasks.Count; i++)
        {
            if (_adapters[i] is not null) _held.UnionWith(_tasks[i].Model.Weights);
        }
        // The head of a task without an adapter trains, whoever else sits on it.
        for (int i = 0; i < _tasks.Count; i++)
        {
            if (_adapters[i] is null) _held.ExceptWith(_tasks[i].Model.Weights.Except(_trunk.Weights));
        }
        foreach (Weight weight in _held) weight.Hold();
    }

    /// <summary>From now on the trunk computes for a task.</summary>
    public void Enter(int task)
    {
        if (task == _current) return;
        Detach();
        if (_adapters[task] is not null) _tasks[task].Model.Adapters.Switch(_tasks[task].Name);
        _current = task;
    }

    /// <summary>The trunk is the base again, and what was held trains where it did before.</summary>
    public void Leave()
    {
        Detach();
        foreach (Weight weight in _held) weight.LetGo();
        _held.Clear();
    }

    private void Detach()
    {
        if (_current >= 0 && _adapters[_current] is not null) _tasks[_current].Model.Adapters.Switch(null);
        _current = -1;
    }

    // What an adapter trains: tensors of its own, and those that stand in the place of whole weights.
    private static Weight[]? Trained(BuiltAdapter? built) => built is null ? null
        : [.. built.Weights, .. built.Wholes.Select(whole => new Weight(whole.Weight.Name, whole.Value, whole.Weight.Kind, whole.Weight.Depth,
            whole.Weight.Parts))];
}
