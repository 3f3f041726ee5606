using FineTuning.Errors;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The order of the rooms: a room uses those before it in the list, never those after it.</summary>
public sealed class LayerTests
{
    private static readonly Layers Library = new(typeof(FineTuningException).Assembly, ["Errors", "Diagnostics", "Text.Jinja", "Text"]);

    [Fact]
    public void A_room_uses_only_rooms_below_it() => Assert.Empty(Library.Violations());

    [Fact]
    public void Every_type_lives_in_a_known_room() => Assert.Empty(Library.Strangers());

    [Fact]
    public void The_package_depends_on_two_packages_and_the_framework()
    {
        string[] packages = ["Microsoft.ML.Tokenizers", "Microsoft.Extensions.Logging.Abstractions"];
        Assert.All(typeof(FineTuningException).Assembly.GetReferencedAssemblies(),
            name => Assert.True(name.Name!.StartsWith("System.", StringComparison.Ordinal) || packages.Contains(name.Name), name.Name));
    }
}
