using System.Numerics;

namespace FineTuning.Text.Jinja;

/// <summary>range(start, stop, step): at most 100,000 numbers of any size, computed when read.</summary>
internal sealed class RangeValue
{
    private const int Largest = 100_000;

    public RangeValue(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero) throw new TemplateFault("range() needs a step other than 0");
        BigInteger distance = step.Sign > 0 ? stop - start : start - stop;
        BigInteger count = distance.Sign <= 0 ? BigInteger.Zero : ((distance - 1) / BigInteger.Abs(step)) + 1;
        if (count > Largest) throw new TemplateFault($"range() of {count} numbers; at most {Largest:N0} are allowed");
        (Start, Stop, Step, Count) = (start, stop, step, (int)count);
    }

    public BigInteger Start { get; }

    public BigInteger Stop { get; }

    public BigInteger Step { get; }

    public int Count { get; }

    public object this[int index] => Integers.Of(Start + (index * Step));

    public IEnumerable<object> Items
    {
        get
        {
            for (int i = 0; i < Count; i++) yield return this[i];
        }
    }
}
