using FineTuning.Errors;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The order of the rooms: a room uses those before it in the list, never those after it.</summary>
public sealed class LayerTests
{
    // Two files of the lower package are compiled into this one too: what a name in the file system is, and how a save in progress is told.
    private static readonly Layers Library = new(typeof(FineTuner).Assembly, [
        "Errors", "Text", "Diagnostics", "Tensors", "Models", "Adapters", "Generation", "Examples", "Metrics", "Tasks", "Batching", "Heads", "Training", "Strategies", "",
    ]);

    [Fact]
    public void A_room_uses_only_rooms_below_it() => Assert.Empty(Library.Violations());

    [Fact]
    public void Every_type_lives_in_a_known_room() => Assert.Empty(Library.Strangers());

    [Fact]
    public void The_test_sees_what_method_bodies_use() =>
        Assert.Contains(typeof(FineTuningException), Layers.UsedBy(typeof(LayerTests)));

    private static void ProbeForTheTestAbove() => throw new FineTuningException("never thrown");
}
