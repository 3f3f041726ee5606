namespace FineTuning.Errors;

/// <summary>Finds null where options hold something, all at once.</summary>
internal sealed class NullMembers
{
    private readonly List<string> _found = [];

    /// <summary>A member that is not to be null.</summary>
    public NullMembers Value(object? value, string member)
    {
        if (value is null) _found.Add(member);
        return this;
    }

    /// <summary>A list that may be null, but whose entries may not.</summary>
    public NullMembers Entries<T>(IEnumerable<T>? entries, string member)
    {
        int index = 0;
        foreach (T entry in entries ?? [])
        {
            if (entry is null) _found.Add($"{member}[{index}]");
            index++;
        }
        return this;
    }

    /// <summary>A list none of whose entries may be null, as an argument.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentException">An entry is null.</exception>
    public static void RequireEntries<T>(IEnumerable<T> entries, string argument)
    {
        ArgumentNullException.ThrowIfNull(entries, argument);
        new NullMembers().Entries(entries, argument).Require(argument);
    }

    /// <summary>A dictionary none of whose values may be null.</summary>
    /// <exception cref="ArgumentException">A value is null.</exception>
    public static void RequireValues<T>(IEnumerable<KeyValuePair<string, T>> entries, string argument)
    {
        ArgumentNullException.ThrowIfNull(entries, argument);
        var found = new NullMembers();
        foreach ((string key, T value) in entries) found.Value(value, $"{argument}['{key}']");
        found.Require(argument);
    }

    /// <summary>A list of lists, none of whose entries may be null at either depth.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentException">An entry is null.</exception>
    public static void RequireNested<T>(IReadOnlyList<IReadOnlyList<T>> lists, string argument)
    {
        ArgumentNullException.ThrowIfNull(lists, argument);
        var found = new NullMembers().Entries(lists, argument);
        for (int i = 0; i < lists.Count; i++) found.Entries(lists[i], $"{argument}[{i}]");
        found.Require(argument);
    }

    /// <param name="argument">The argument that holds the members.</param>
    /// <exception cref="ArgumentException">One or more of them is null.</exception>
    public void Require(string argument)
    {
        if (_found.Count == 0) return;
        throw new ArgumentException($"{string.Join(" and ", _found)} {(_found.Count == 1 ? "is" : "are")} null; leave out what is not meant", argument);
    }
}
