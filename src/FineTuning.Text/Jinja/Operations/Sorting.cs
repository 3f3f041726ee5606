namespace FineTuning.Text.Jinja;

/// <summary>A stable merge sort that only ever asks whether one value is less than another, and so works for whatever has an order.</summary>
internal static class Sorting
{
    public static List<T> Sorted<T>(RenderState state, List<T> items, Func<T, object> key, bool reverse = false)
    {
        (T Item, object Key)[] entries = [.. items.Select(item => (item, key(item)))];
        // Reversed twice around the sort: equal items keep their order in a descending sort too.
        if (reverse) Array.Reverse(entries);
        Sort(state, entries, new (T, object)[entries.Length], 0, entries.Length);
        if (reverse) Array.Reverse(entries);
        return [.. entries.Select(entry => entry.Item)];
    }

    private static void Sort<T>(RenderState state, (T Item, object Key)[] entries, (T Item, object Key)[] spare, int start, int end)
    {
        if (end - start < 2) return;
        int middle = (start + end) / 2;
        Sort(state, entries, spare, start, middle);
        Sort(state, entries, spare, middle, end);
        int left = start, right = middle;
        for (int i = start; i < end; i++)
        {
            bool takeRight = left >= middle || (right < end && Comparison.Less(state, entries[right].Key, entries[left].Key));
            spare[i] = takeRight ? entries[right++] : entries[left++];
        }
        Array.Copy(spare, start, entries, start, end - start);
    }
}
