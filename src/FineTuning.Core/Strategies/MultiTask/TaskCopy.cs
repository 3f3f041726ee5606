using System.Buffers;
using FineTuning.Errors;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using static TorchSharp.torch;

namespace FineTuning.Strategies;

/// <summary>A model of a task's own: what the user's function makes on a copy of the trunk, with the weights that the task's model has.</summary>
internal static class TaskCopy
{
    /// <summary>What is wrong with a task's function, which is tried on the trunk itself; the trunk stays as it is. Null: nothing.</summary>
    public static string? FaultOf(TaskEntry task, Trunk trunk)
    {
        TunableModel made = task.OwnModel!(trunk);
        if (made is null) return $"the function ownModel of the task '{task.Name}' gave null: give a new model on the trunk that it gets";
        if (ReferenceEquals(made, task.Own)) return $"the function ownModel of the task '{task.Name}' gave the task's model itself: give a new one";
        using (made) return Difference(task, made, trunk);
    }

    /// <summary>The copy, which the caller disposes; nothing is shared with the task's model. Called where nobody else trains or reads the weights.</summary>
    /// <exception cref="InvalidOptionsException">The function makes another model than it did before the run.</exception>
    public static TunableModel Of(TaskEntry task, Trunk trunk)
    {
        // Its head holds it.
        using Trunk copy = trunk.Copy(trunk.Folder);
        TunableModel made = task.OwnModel!(copy);
        try
        {
            if (Difference(task, made, copy) is { } fault) throw new InvalidOptionsException([fault]);
            Put(task.Own.Weights.Own, made.Weights.Own);
            Put(trunk.Weights, copy.Weights);
            HashSet<string> named = [.. made.UserMetrics.Select(metric => metric.Name)];
            foreach (UserMetric metric in task.Own.UserMetrics.Where(metric => named.Add(metric.Name))) made.AddMetric(metric);
            return made;
        }
        catch
        {
            made?.Dispose();
            throw;
        }
    }

    private static string? Difference(TaskEntry task, TunableModel? made, Trunk trunk)
    {
        TunableModel model = task.Own;
        string what = $"the function ownModel of the task '{task.Name}' makes a model that differs from the task's: ";
        if (made?.GetType() != model.GetType()) return what + $"it is a {made?.GetType().Name ?? "null"}, the task's a {model.GetType().Name}";
        if (!ReferenceEquals(made.SharedTrunk, trunk)) return what + "it does not sit on the trunk that the function gets";
        string[] own = Shapes(model), its = Shapes(made);
        if (!own.SequenceEqual(its)) return what + $"its head has {string.Join(", ", its)}; {string.Join(", ", own)} was expected";
        return Settings(model).AsSpan().SequenceEqual(Settings(made)) ? null
            : what + "its labels, lengths or other options are not the same; give those of the task's model";
    }

    private static string[] Shapes(TunableModel model) => [.. model.Weights.Own.Select(weight => $"{weight.Name} [{string.Join(", ", weight.Value.shape)}]")];

    private static byte[] Settings(TunableModel model)
    {
        var buffer = new ArrayBufferWriter<byte>();
        ObjectBytes.Append(buffer, model.RowFormat?.DependsOn);
        return buffer.WrittenSpan.ToArray();
    }

    private static void Put(IEnumerable<Weight> from, IEnumerable<Weight> to)
    {
        Dictionary<string, Weight> copies = to.ToDictionary(weight => weight.Name, StringComparer.Ordinal);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        foreach (Weight own in from)
        {
            Weight copy = copies[own.Name];
            copy.Value.copy_(own.Value);
            copy.IsTuned = own.IsTuned;
        }
    }
}
