using System.Collections;
using System.Linq.Expressions;
using System.Reflection;

namespace FineTuning.Fuzz;

/// <summary>A value that nobody should give.</summary>
/// <param name="Path">The member that is wrong, for example options.Labels[0].</param>
/// <param name="Value">The whole argument.</param>
/// <param name="ForbiddenNull">Whether a null stands where the declaration forbids it.</param>
internal sealed record Variant(string Path, object? Value, bool ForbiddenNull)
{
    /// <summary>What the record said when the member was set, where it refused.</summary>
    public Exception? Refusal { get; init; }

    public override string ToString() => $"{Path} = {(ForbiddenNull ? "null" : Value switch { null => "null", string text => text.Length > 40 ? $"{text.Length} characters" : $"\"{text}\"", _ => Value.ToString() })}";
}

/// <summary>Values that nobody should give, of any type: null, limits, NaN, empty lists, null in lists, and records with one member changed to such a value.</summary>
internal static class Variants
{
    private const int Deepest = 3;
    private static readonly string LongText = string.Join(' ', Enumerable.Repeat("abc", 5000));

    private static readonly string[] Texts = ["", " ", "\0", "\ud800", "../../x", "[MASK] [SEP]", "/dev/zero", LongText, "{{ 1/0 }}", "{", "cuda:99", "a", "((((*"];
    private static readonly double[] Reals = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -1, 1, 1e300, 1e-300, 1e-46, 2];
    private static readonly long[] Whole = [0, -1, 1, 2, int.MaxValue, int.MinValue, 1 << 24, long.MaxValue, long.MinValue, 100_000];

    /// <summary>All of a type.</summary>
    /// <param name="samples">Where right values come from.</param>
    /// <param name="type">The type.</param>
    /// <param name="path">The name of the parameter.</param>
    /// <param name="nullability">Where null is forbidden.</param>
    /// <param name="owner">The type whose member it is.</param>
    public static IEnumerable<Variant> Of(Samples samples, Type type, string path, NullabilityInfo? nullability, Type? owner) => Of(samples, type, path, nullability, owner, 0);

    private static IEnumerable<Variant> Of(Samples samples, Type type, string path, NullabilityInfo? nullability, Type? owner, int depth)
    {
        if (!type.IsValueType) yield return new(path, null, nullability?.WriteState != NullabilityState.Nullable);
        foreach (object value in Simple(Nullable.GetUnderlyingType(type) ?? type)) yield return new(path, value, false);
        if (depth >= Deepest || type == typeof(string) || type.IsPrimitive || type.IsEnum) yield break;
        IEnumerable<Variant> inner = typeof(Delegate).IsAssignableFrom(type) ? Callbacks(type, path)
            : type.IsArray ? Lists(samples, type.GetElementType()!, path, nullability?.ElementType, owner, depth)
            : type.IsGenericType && type.IsInterface && type.GetGenericArguments() is [{ } item] && typeof(IEnumerable).IsAssignableFrom(type)
                ? Lists(samples, item, path, nullability?.GenericTypeArguments[0], owner, depth)
            : type.IsGenericType && type.IsInterface && type.GetGenericArguments() is [{ } key, { } entry] ? Entries(samples, key, entry, path, nullability, depth)
            : Members(samples, type, path, owner, depth);
        foreach (Variant variant in inner) yield return variant;
    }

    private static IEnumerable<object> Simple(Type type)
    {
        if (type == typeof(string)) return Texts;
        if (type == typeof(double)) return Reals.Cast<object>();
        if (type == typeof(float)) return Reals.Select(value => (object)(float)value);
        if (type == typeof(long)) return Whole.Cast<object>();
        if (type == typeof(int)) return Whole.Select(value => (object)unchecked((int)value)).Distinct();
        if (type == typeof(bool)) return [true, false];
        if (type == typeof(char)) return ['\0', '"', '\n', '\ud800'];
        if (type.IsEnum) return [.. Enum.GetValues(type).Cast<object>(), Enum.ToObject(type, 99), Enum.ToObject(type, -1)];
        if (type == typeof(TimeSpan)) return [TimeSpan.Zero, TimeSpan.MinValue, TimeSpan.MaxValue, TimeSpan.FromTicks(1)];
        if (type == typeof(CancellationToken)) return [new CancellationToken(canceled: true)];
        if (type == typeof(Range)) return [new Range(5, ^0), new Range(^9, ^0), new Range(0, 0), new Range(1, int.MaxValue)];
        return [];
    }

    private static IEnumerable<Variant> Callbacks(Type type, string path)
    {
        MethodInfo invoke = type.GetMethod("Invoke")!;
        ParameterExpression[] parameters = [.. invoke.GetParameters().Select(parameter => Expression.Parameter(parameter.ParameterType))];
        Expression thrown = Expression.Throw(Expression.New(typeof(CallbackException)), invoke.ReturnType);
        yield return new(path + "()", Expression.Lambda(type, thrown, parameters).Compile(), false);
        if (invoke.ReturnType == typeof(void)) yield break;
        Type result = invoke.ReturnType;
        if (result == typeof(double)) yield return new(path + "()", Expression.Lambda(type, Expression.Constant(double.NaN), parameters).Compile(), false);
        // What comes back of the callback itself is named by its parameter.
        if (!result.IsValueType) yield return new(path, Expression.Lambda(type, Expression.Constant(null, result), parameters).Compile(), true);
    }

    private static IEnumerable<Variant> Lists(Samples samples, Type item, string path, NullabilityInfo? nullability, Type? owner, int depth)
    {
        yield return new(path, Array.CreateInstance(item, 0), false);
        foreach (Variant variant in Of(samples, item, $"{path}[1]", nullability, owner, depth + 1))
        {
            Array list = Array.CreateInstance(item, 2);
            list.SetValue(samples.Of(item, Last(path), owner), 0);
            list.SetValue(variant.Value, 1);
            yield return variant with { Value = list };
        }
    }

    private static IEnumerable<Variant> Entries(Samples samples, Type key, Type entry, string path, NullabilityInfo? nullability, int depth)
    {
        Type dictionary = typeof(Dictionary<,>).MakeGenericType(key, entry);
        yield return new(path, Activator.CreateInstance(dictionary), false);
        NullabilityInfo[] inner = nullability?.GenericTypeArguments ?? [];
        foreach (Variant variant in Of(samples, entry, $"{path}['']", inner.Length == 2 ? inner[1] : null, null, depth + 1))
        {
            var entries = (IDictionary)Activator.CreateInstance(dictionary)!;
            object right = samples.Of(key, path, null)!;
            entries.Add(right, variant.Value);
            yield return variant with { Path = variant.Path.Replace("['']", $"['{right}']", StringComparison.Ordinal), Value = entries };
        }
    }

    // Records: a copy with one member changed.
    private static IEnumerable<Variant> Members(Samples samples, Type type, string path, Type? owner, int depth)
    {
        if (type.Assembly.GetName().Name?.StartsWith("FineTuning", StringComparison.Ordinal) != true && type.FullName?.StartsWith("System.ValueTuple", StringComparison.Ordinal) != true) yield break;
        object? sample = samples.Of(type, Last(path), owner);
        if (sample is null) yield break;
        if (type.FullName!.StartsWith("System.ValueTuple", StringComparison.Ordinal))
        {
            foreach (FieldInfo field in type.GetFields())
            {
                foreach (Variant variant in Of(samples, field.FieldType, path, null, null, depth + 1))
                {
                    object changed = samples.Of(type, Last(path), owner)!;
                    field.SetValue(changed, variant.Value);
                    yield return new(variant.Path, changed, false);
                }
            }
            yield break;
        }
        MethodInfo? clone = sample.GetType().GetMethod("<Clone>$");
        if (clone is null && !type.IsValueType) yield break;
        foreach (PropertyInfo property in (sample.GetType().IsVisible ? sample.GetType() : type).GetProperties().Where(property => property.SetMethod?.IsPublic == true && property.GetIndexParameters().Length == 0))
        {
            NullabilityInfo nullability = new NullabilityInfoContext().Create(property);
            foreach (Variant variant in Of(samples, property.PropertyType, $"{path}.{property.Name}", nullability, sample.GetType(), depth + 1))
            {
                object copy = clone is null ? sample : clone.Invoke(sample, null)!;
                yield return variant with { Value = copy, Refusal = Set(copy, property, variant.Value) };
            }
        }
    }

    private static Exception? Set(object copy, PropertyInfo property, object? value)
    {
        try
        {
            property.SetValue(copy, value);
            return null;
        }
        catch (TargetInvocationException failure)
        {
            return failure.InnerException;
        }
    }

    private static string Last(string path) => path.Split('.', '[')[^1].TrimEnd(']', '1') is { Length: > 0 } last ? last : path.Split('.')[^1].Split('[')[0];
}

/// <summary>What a callback throws comes out as it is.</summary>
internal sealed class CallbackException : Exception;
