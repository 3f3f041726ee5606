namespace FineTuning.Heads;

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

    /// <param name="argument">The argument that holds the members.</param>
    /// <exception cref="ArgumentException">One or more of them is null.</exception>
    public void Require(string argument)
    {
        if (_found.Count == 0) return;
        throw new ArgumentException($"{string.Join(" and ", _found)} {(_found.Count == 1 ? "is" : "are")} null; leave out what is not meant", argument);
    }
}
