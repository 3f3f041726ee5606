using System.Collections;
using System.Reflection;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Strategies;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>One call of the public surface that did not end as it should.</summary>
/// <param name="Member">What was called.</param>
/// <param name="Arguments">What was wrong with the arguments.</param>
/// <param name="Problem">What came of it.</param>
internal sealed record BadCall(string Member, string Arguments, string Problem);

/// <summary>Calls the public surface with arguments that nobody should give: an error is one of the library's own, or says which argument is wrong.</summary>
internal static class Calls
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10), Cancelled = TimeSpan.FromSeconds(1);

    /// <summary>Calls a member with right arguments.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public static string? Right(MethodBase member) => Call(member, null) is { } fault ? Describe(fault) : null;

    /// <summary>Calls a member with each wrong value in turn.</summary>
    /// <param name="member">One of <see cref="Surface.Members"/>.</param>
    /// <param name="wanted">Which of them; null: all.</param>
    /// <param name="count">Counts the calls.</param>
    public static IEnumerable<BadCall> Wrong(MethodBase member, Func<Variant, bool>? wanted, Action<string>? count)
    {
        ParameterInfo[] parameters = member.GetParameters();
        for (int i = 0; i < parameters.Length; i++)
        {
            using var samples = new Samples();
            using var scope = NewDisposeScope();
            NullabilityInfo nullability = new NullabilityInfoContext().Create(parameters[i]);
            foreach (Variant variant in Variants.Of(samples, parameters[i].ParameterType, parameters[i].Name!, nullability, member.DeclaringType))
            {
                if (wanted is not null && !wanted(variant)) continue;
                count?.Invoke(variant.ToString());
                if (Problem(member, i, variant, wantsTime: count is not null) is { } problem) yield return new(Surface.Name(member), variant.ToString(), problem);
            }
        }
    }

    private static string? Problem(MethodBase member, int index, Variant variant, bool wantsTime)
    {
        if (variant.Refusal is { } refusal) return refusal is ArgumentException && (!variant.ForbiddenNull || Names(refusal, variant.Path)) ? null : Describe(refusal);
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        Exception? fault = Call(member, (index, variant));
        TimeSpan taken = Environment.CpuUsage.TotalTime - processor;
        if (wantsTime && taken > Longest) return $"it took {taken.TotalSeconds:0} s of the processor's time";
        if (fault is not null && !IsTyped(fault)) return Describe(fault);
        // A record that only holds what it is given is looked at where it is used.
        if (!variant.ForbiddenNull || (fault is null && IsCarrier(member, variant.Path))) return null;
        return fault switch
        {
            null => "null was taken without a word",
            TrainingDataException => null,
            ArgumentException when Names(fault, variant.Path) => null,
            InvalidOptionsException when Names(fault, variant.Path) => null,
            // Its sample has fewer rows than folds, which is said first; what it shares with OverSeeds is asked there.
            InvalidOptionsException when member.Name is "OverFolds" => null,
            _ => $"null is not named: {Describe(fault)}",
        };
    }

    // What only holds or hands on what it is given, and what is documented not to be looked at.
    private static bool IsCarrier(MethodBase member, string path) => (member is ConstructorInfo && (IsRecord(member) || path.Contains('.', StringComparison.Ordinal)))
        || member.DeclaringType == typeof(PreferenceMapping) || member.DeclaringType == typeof(DocumentContext) || member.DeclaringType == typeof(UserMetric) || member.DeclaringType == typeof(Text.WholeFolder)
        || (member.Name is "Tag" && path.Contains("Tags", StringComparison.Ordinal)) || member.Name is "ValidateOn" or "WithReplay" or "StratifiedBy" or "Rewriting"
        // What it gives is looked at where texts are written.
        || path.EndsWith("Generation.PrefixAllowedTokens", StringComparison.Ordinal)
        // No key is a key as well.
        || (member.Name is "Folds" && path is "stratify" or "group")
        // What it makes is looked at in the run.
        || (member.Name is "Task" && path is "ownModel")
        || (member.Name is "Task" or "Keeping" && path.Contains('[', StringComparison.Ordinal));

    private static bool IsRecord(MethodBase member) => member.DeclaringType!.GetMethod("<Clone>$") is not null || (member.DeclaringType.IsValueType && member.DeclaringType.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance) is not null);

    // The last member of the path, or the entry of a list.
    private static bool Names(Exception fault, string path)
    {
        string last = path.Split('.')[^1], name = last.Split('[')[0];
        return fault.Message.Contains(name, StringComparison.OrdinalIgnoreCase) || (fault as ArgumentException)?.ParamName?.Contains(name, StringComparison.OrdinalIgnoreCase) == true;
    }

    private static bool IsTyped(Exception fault) => fault is FineTuningException or OperationCanceledException or IOException or UnauthorizedAccessException or CallbackException or NotSupportedException
        or ArgumentException || fault is InvalidOperationException or KeyNotFoundException && fault.TargetSite?.DeclaringType?.Namespace?.StartsWith("FineTuning", StringComparison.Ordinal) == true;

    private static string Describe(Exception fault)
    {
        string own = (fault.StackTrace ?? "").Split('\n').FirstOrDefault(frame => frame.Contains("at FineTuning.", StringComparison.Ordinal) && !frame.Contains("Fuzz", StringComparison.Ordinal))?.Trim() ?? "";
        string message = fault.Message.Split('\n')[0];
        return $"{fault.GetType().Name}: {(message.Length > 160 ? message[..160] : message)} {own.Split(" in ")[0]}";
    }

    private static Exception? Call(MethodBase member, (int Index, Variant Variant)? wrong)
    {
        using var samples = new Samples();
        using var scope = NewDisposeScope();
        using var cancellation = new CancellationTokenSource(Cancelled);
        int threads = Tensors.FineTuningRuntime.Threads;
        try
        {
            Type owner = member.DeclaringType!;
            object?[] arguments = [.. member.GetParameters().Select((parameter, i) => wrong is { } changed && changed.Index == i ? changed.Variant.Value
                : parameter.ParameterType == typeof(CancellationToken) ? cancellation.Token
                : parameter.HasDefaultValue && (parameter.DefaultValue is not null || !parameter.ParameterType.IsValueType) ? parameter.DefaultValue
                : parameter.HasDefaultValue ? null : samples.Of(parameter.ParameterType, parameter.Name!, owner))];
            if (member is ConstructorInfo constructor) (constructor.Invoke(arguments) as IDisposable)?.Dispose();
            else
            {
                object? result = member.Invoke(member.IsStatic ? null : samples.Of(owner, "this"), arguments);
                // The sample of a further task's model sits on another trunk than the tuner's, and nothing could be trained.
                if (member.Name != "Task") Use(result, cancellation.Token);
            }
            return null;
        }
        catch (Exception failure)
        {
            return failure is TargetInvocationException { InnerException: { } inner } ? inner : failure;
        }
        finally
        {
            Tensors.FineTuningRuntime.Threads = threads;
        }
    }

    // What is computed later is computed now.
    internal static void Use(object? result, CancellationToken cancellation)
    {
        switch (result)
        {
            case FineTuner<LabeledText<string>> tuner:
                LabeledText<string>[] data = [new("a b", "first0"), new("c", "second0")];
                tuner.ValidateOn(data).Train(data, cancellation);
                break;
            case MultiTaskTuner tuner:
                tuner.Train(cancellation);
                break;
            case TaskSampling sampling:
                Samples.SeveralTasks().WithSampling(sampling).Train(cancellation);
                break;
            case TaskBalancing balancing:
                Samples.SeveralTasks().WithBalancing(balancing).Train(cancellation);
                break;
            case Task task:
                task.GetAwaiter().GetResult();
                break;
            case IAsyncEnumerable<string> stream:
                Drain(stream).GetAwaiter().GetResult();
                break;
            case string:
                break;
            case IEnumerable rows:
                foreach (object? _ in rows.Cast<object?>().Take(100))
                {
                    // Each is made.
                }
                break;
        }
        (result as IDisposable)?.Dispose();
    }

    private static async Task Drain(IAsyncEnumerable<string> stream)
    {
        await foreach (string _ in stream.ConfigureAwait(false))
        {
            // Each piece is made.
        }
    }
}
