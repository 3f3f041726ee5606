using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>value[start:stop:step] of texts, lists, tuples and ranges.</summary>
internal static class Slicing
{
    public static object Apply(RenderState state, object value, object? start, object? stop, object? step)
    {
        if (value is UndefinedValue undefined) throw undefined.Fault();
        if (Kinds.Text(value) is null && value is not (SequenceValue or RangeValue))
            throw new TemplateFault($"a value of kind {Kinds.Of(value)} has no slices");
        int length = Kinds.Length(value)!.Value;
        int stride = step is null or NoneValue ? 1 : Integers.Small(step, "the step of a slice");
        if (stride == 0) throw new TemplateFault("the step of a slice is 0");
        (int low, int high) = stride > 0 ? (0, length) : (-1, length - 1);
        int from = Bound(start, stride > 0 ? low : high, low, high, length), to = Bound(stop, stride > 0 ? high : low, low, high, length);
        int count = (int)Math.Max(0, stride > 0 ? (((long)to - from) + stride - 1) / stride : (((long)from - to) - stride - 1) / -(long)stride);
        if (value is RangeValue range) return new RangeValue(range.Start + (from * range.Step), range.Start + (to * range.Step), range.Step * stride);
        if (Kinds.Text(value) is { } text) return Kinds.Like(value, OfText(state, text, from, count, stride));
        state.Budget.AllocateList(count);
        IReadOnlyList<object> items = ((SequenceValue)value).Items;
        var taken = new object[count];
        for (int i = 0; i < count; i++) taken[i] = items[from + (i * stride)];
        return value is ListValue ? new ListValue(taken) : new TupleValue(taken);
    }

    private static int Bound(object? given, int otherwise, int low, int high, int length)
    {
        if (given is null or NoneValue) return otherwise;
        long position = Integers.Small(given, "an end of a slice");
        return (int)Math.Clamp(position < 0 ? position + length : position, low, high);
    }

    private static string OfText(RenderState state, string text, int from, int count, int stride)
    {
        state.Budget.Allocate(text.Length / 8);
        if (count == 0) return "";
        state.Budget.Allocate(count);
        if (!CodePoints.HasPairs(text))
        {
            if (stride == 1) return text.Substring(from, count);
            return string.Create(count, (text, from, stride), static (span, source) =>
            {
                for (int i = 0; i < span.Length; i++) span[i] = source.text[source.from + (i * source.stride)];
            });
        }
        object[] points = [.. CodePoints.Split(text)];
        var slice = new StringBuilder();
        for (int i = 0; i < count; i++) slice.Append((string)points[from + (i * stride)]);
        return slice.ToString();
    }
}
