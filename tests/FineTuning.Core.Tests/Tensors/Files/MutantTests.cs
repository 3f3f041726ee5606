using FineTuning.Fuzz;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>A few mutants of each kind of file; the fuzz project runs as many as one likes.</summary>
public sealed class MutantTests
{
    private const int Count = 60;

    public static TheoryData<string> Kinds() => [.. Targets.All.OfType<FileTarget>().Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Mutants_are_read_or_refused_in_the_librarys_own_words(string name)
    {
        FuzzTarget target = Targets.All.Single(target => target.Name == name);
        string[] seeds = [.. target.Seeds(Goldens.Root)];
        foreach (string seed in seeds) target.Run(seed);
        Assert.Empty(Mutants.Run(target, seeds, 0, Count, seed: 1).Select(mutant => $"{mutant.Number}: {mutant.Problem}"));
    }

    /// <summary>What mutants have found so far does no harm any more.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Inputs_of_the_corpus_are_refused_or_read(string name)
    {
        FuzzTarget target = Targets.All.Single(target => target.Name == name);
        string folder = Path.Combine(Goldens.Repository, "tests", "FineTuning.Core.Fuzz", "corpus", name);
        if (!Directory.Exists(folder)) Assert.Skip("nothing was found for it");
        foreach (string file in Directory.GetFiles(folder)) target.Run(File.ReadAllText(file));
    }
}
