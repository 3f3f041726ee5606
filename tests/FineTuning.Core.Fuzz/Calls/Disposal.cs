using System.Reflection;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>What is called after it was disposed says so; what needs nothing native may answer.</summary>
internal static class Disposal
{
    /// <summary>The public types that are disposed by those who made them.</summary>
    public static IReadOnlyList<Type> Types { get; } =
        [.. Surface.Members.Select(member => member.DeclaringType!).Distinct().Where(type => typeof(IDisposable).IsAssignableFrom(type) && !type.IsValueType)];

    // What reads no weights: these look at what they are given, keep a setting, or make empty rows, batches and accumulators of it.
    private static readonly string[] OfModels = ["Encode", "PrepareRows", "Collate", "NewEvaluation", "AddMetric", "Calibrate"];

    /// <summary>Calls every public member of a disposed object.</summary>
    /// <returns>Those that neither threw ObjectDisposedException nor, where they need nothing of what was freed, answered.</returns>
    public static IEnumerable<string> Faults(Type type)
    {
        for (Type? declaring = type; declaring is not null && declaring != typeof(object); declaring = declaring.BaseType)
        {
            foreach (MethodBase member in Surface.Of(declaring).Where(member => member is { IsStatic: false, IsConstructor: false }))
            {
                if (Fault(type, member) is { } fault) yield return $"{Surface.Name(member)}: {fault}";
            }
        }
    }

    private static string? Fault(Type type, MethodBase member)
    {
        using var samples = new Samples();
        using var scope = NewDisposeScope();
        object?[] arguments = [.. member.GetParameters().Select(parameter => parameter.HasDefaultValue && parameter.ParameterType != typeof(CancellationToken)
            ? parameter.DefaultValue : samples.Of(parameter.ParameterType, parameter.Name!, type))];
        object subject = samples.Of(type, "this")!;
        ((IDisposable)subject).Dispose();
        try
        {
            Calls.Use(member.Invoke(subject, arguments), CancellationToken.None);
            return MayAnswer(member) ? null : "it answered";
        }
        catch (Exception failure)
        {
            Exception inner = failure is TargetInvocationException { InnerException: { } own } ? own : failure;
            bool isRight = inner is ObjectDisposedException || (MayAnswer(member) && (inner is ArgumentException or Errors.InvalidOptionsException));
            return isRight ? null : $"{inner.GetType().Name}: {inner.Message}";
        }
    }

    private static bool MayAnswer(MethodBase member) => member.Name.StartsWith("get_", StringComparison.Ordinal) || member.Name.StartsWith("set_", StringComparison.Ordinal)
        || (typeof(Tasks.TunableModel).IsAssignableFrom(member.DeclaringType) && OfModels.Contains(member.Name))
        // The names stay known.
        || (member.DeclaringType == typeof(Models.WeightSet) && member.Name is "Find");
}
