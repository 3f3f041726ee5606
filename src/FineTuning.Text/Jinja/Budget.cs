using System.Runtime.CompilerServices;

namespace FineTuning.Text.Jinja;

/// <summary>What one rendering may use. Immutable.</summary>
internal sealed record TemplateLimits
{
    public static TemplateLimits Default { get; } = new();

    /// <summary>Characters of a template.</summary>
    public int TemplateCharacters { get; init; } = 1 << 23;

    /// <summary>Operations: nodes evaluated, items read, characters handled (64 count as one).</summary>
    public long Steps { get; init; } = 8_000_000;

    /// <summary>Values within values, calls within calls.</summary>
    public int Depth { get; init; } = 1000;

    /// <summary>Characters of one text; an item of a list counts as sixteen.</summary>
    public long LargestValue { get; init; } = 1 << 25;

    /// <summary>Characters of all texts made, an item of a list counting as sixteen and a list as three items more.</summary>
    public long Memory { get; init; } = 1 << 28;
}

/// <summary>Counts what a rendering uses and ends it where it wants too much.</summary>
internal sealed class Budget(TemplateLimits limits)
{
    /// <summary>Bits of an integer.</summary>
    public const long LargestInteger = 1 << 16;

    private const int UnitsPerItem = 16, ItemsOfList = 3;

    private long _steps, _memory;
    private int _depth;

    public void Step(long count = 1)
    {
        if ((_steps += count) > limits.Steps)
            throw new TemplateFault($"it takes more than {limits.Steps:N0} steps; a template that loops so long is broken or hostile");
    }

    public void Allocate(long characters)
    {
        if (characters > limits.LargestValue || (_memory += characters) > limits.Memory)
        {
            throw new TemplateFault(
                $"it makes texts or lists larger than a template may ({limits.LargestValue:N0} characters each, {limits.Memory:N0} in all)");
        }
        Step(characters / 64);
    }

    public void AllocateItems(long count)
    {
        if (count > limits.LargestValue) Allocate(count);
        Allocate(count * UnitsPerItem);
    }

    /// <summary>A list or a map with so many items, which takes as much as a few more.</summary>
    public void AllocateList(long count) => AllocateItems(count + ItemsOfList);

    /// <summary>One level deeper; the stack is looked at as well, since what a level takes of it depends on the machine.</summary>
    public void Enter()
    {
        if (++_depth > limits.Depth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new TemplateFault($"values, calls or blocks are nested deeper than {limits.Depth}");
        }
        Step();
    }

    public void Leave() => _depth--;
}
