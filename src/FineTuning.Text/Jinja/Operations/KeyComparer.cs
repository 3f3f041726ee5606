using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>Keys of a dictionary: equal numbers of whatever kind are one key, equal texts and tuples too; lists and dictionaries cannot be keys.</summary>
internal sealed class KeyComparer : IEqualityComparer<object>
{
    private const int DeepestTuple = 100;

    public static KeyComparer Instance { get; } = new();

    public new bool Equals(object? x, object? y) => Equal(x!, y!);

    public int GetHashCode(object obj) => Hash(obj, 0);

    private static bool Equal(object left, object right)
    {
        if (Comparison.Same(left, right)) return true;
        if (Kinds.IsNumber(left)) return Kinds.IsNumber(right) && Comparison.Numbers(left, right) == 0;
        if (Kinds.Text(left) is { } text) return text == Kinds.Text(right);
        if (left is UndefinedValue) return right is UndefinedValue;
        return left is TupleValue first && right is TupleValue second && first.Items.Count == second.Items.Count
            && first.Items.Zip(second.Items).All(pair => Equal(pair.First, pair.Second));
    }

    private static int Hash(object key, int depth)
    {
        if (depth > DeepestTuple) throw new TemplateFault($"a tuple that is nested deeper than {DeepestTuple} cannot be a key");
        switch (key)
        {
            case ListValue or DictValue: throw new TemplateFault($"a {Kinds.Of(key)} cannot be a key");
            case TupleValue tuple:
                var hash = default(HashCode);
                foreach (object item in tuple.Items) hash.Add(Hash(item, depth + 1));
                return hash.ToHashCode();
            case double number: return double.IsFinite(number) && Math.Floor(number) == number ? new BigInteger(number).GetHashCode() : number.GetHashCode();
            case bool or long or BigInteger: return Integers.From(key)!.Value.GetHashCode();
            case UndefinedValue: return 1;
            default: return Kinds.Text(key)?.GetHashCode(StringComparison.Ordinal) ?? System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key);
        }
    }
}
