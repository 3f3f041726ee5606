using System.Reflection;
using FineTuning.Text;

namespace FineTuning.Fuzz;

/// <summary>What can be called of both packages, found by reflection: generic types and methods are closed by types that fit.</summary>
internal static class Surface
{
    /// <summary>All that can be called with arguments that reflection can pass; spans cannot be.</summary>
    public static IReadOnlyList<MethodBase> Members { get; } =
    [
        .. new[] { typeof(PretrainedTokenizer).Assembly, typeof(Pretrained).Assembly }.SelectMany(assembly => assembly.GetExportedTypes())
            .Where(type => !type.IsEnum && !type.IsInterface && !typeof(Delegate).IsAssignableFrom(type) && type != typeof(Models.WeightPass) && !typeof(Exception).IsAssignableFrom(type))
            .Select(Closed).SelectMany(Of).OrderBy(Name, StringComparer.Ordinal),
    ];

    /// <summary>The members that a type declares itself.</summary>
    public static IEnumerable<MethodBase> Of(Type type)
    {
        const BindingFlags own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        IEnumerable<MethodBase> constructors = type.IsAbstract ? [] : type.GetConstructors();
        return constructors.Concat(type.GetMethods(own).Where(method => !IsMade(method) && !method.ReturnType.IsByRefLike).Select(Closed)).Where(member => member.GetParameters().All(CanPass));
    }

    /// <summary>A name that is one member's own.</summary>
    public static string Name(MethodBase member) => $"{member.DeclaringType!.Name.Split('`')[0]}.{member.Name.TrimStart('.')}({string.Join(", ", member.GetParameters().Select(parameter => $"{parameter.ParameterType.Name.Split('`')[0]} {parameter.Name}"))})";

    // What compilers write, and what anything has.
    private static bool IsMade(MethodInfo method) => method.Name.StartsWith('<') || method.Name.StartsWith("op_", StringComparison.Ordinal)
        || method.Name is "Equals" or "GetHashCode" or "ToString" or "Deconstruct" or "Dispose" or "GetType" or "GetEnumerator"
        // What a record holds it shows.
        || (method.Name.StartsWith("get_", StringComparison.Ordinal) && method.GetParameters().Length == 0 && !typeof(IDisposable).IsAssignableFrom(method.DeclaringType))
        || (method.IsSpecialName && method.ReturnParameter.GetRequiredCustomModifiers().Length > 0);

    private static bool CanPass(ParameterInfo parameter) => !parameter.ParameterType.IsByRef && !parameter.ParameterType.IsByRefLike && !parameter.ParameterType.IsPointer;

    private static Type Closed(Type type) => type.IsGenericTypeDefinition
        ? type.MakeGenericType([.. type.GetGenericArguments().Select(argument => argument.Name == "TPrediction" && type.Name.StartsWith("TextTask", StringComparison.Ordinal)
            ? typeof(Heads.Classification<string>) : type == typeof(Heads.CausalTextModel<>) || type == typeof(Heads.GenerativeModel<>)
            ? typeof(Examples.PromptCompletion) : Samples.Closed(argument))]) : type;

    private static MethodInfo Closed(MethodInfo method) => method.IsGenericMethodDefinition ? method.MakeGenericMethod([.. method.GetGenericArguments().Select(Samples.Closed)]) : method;
}
