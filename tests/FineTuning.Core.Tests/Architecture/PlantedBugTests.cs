using FineTuning.Mutations;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The list of planted bugs follows the code: what changes a line that a bug stands in plants it anew.</summary>
public sealed class PlantedBugTests
{
    private static readonly IReadOnlyList<PlantedBug> Bugs =
        PlantedBug.All(Path.Combine(Goldens.Repository, "tests", "FineTuning.Core.Mutations", "bugs.json"));

    [Fact]
    public void Each_bug_fits_its_file() =>
        Assert.All(Bugs, bug => Assert.True(bug.IndexIn(File.ReadAllText(Path.Combine(Goldens.Repository, bug.File))) >= 0));

    [Fact]
    public void Each_bug_has_a_name_of_its_own() => Assert.Distinct(Bugs.Select(bug => bug.Id));
}
