using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The table of rooms in docs/architecture.md is the house as it is.</summary>
public sealed class RoomTableTests
{
    [Fact]
    public void Every_room_and_every_room_in_it_is_in_the_table() => RoomTable.MustBeTheHouse("FineTuning.Text");
}
