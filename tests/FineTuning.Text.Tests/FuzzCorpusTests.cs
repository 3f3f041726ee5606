using FineTuning.Fuzz;
using Xunit;

namespace FineTuning.Tests.Text;

/// <summary>What fuzzing has found so far does no harm any more.</summary>
public sealed class FuzzCorpusTests
{
    private static readonly FuzzTarget[] All = [new TokenizerTarget(), new TemplateTarget()];

    public static TheoryData<string> Targets() => [.. All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Inputs_are_refused_or_keep_the_laws(string name)
    {
        FuzzTarget target = All.Single(target => target.Name == name);
        string folder = Path.Combine(Goldens.Repository, "tests", "FineTuning.Core.Fuzz", "corpus", name);
        string[] files = Directory.GetFiles(folder);
        Assert.NotEmpty(files);
        var failures = new List<string>();
        foreach (string file in files)
        {
            try
            {
                target.Run(File.ReadAllText(file));
            }
            catch (Exception fault)
            {
                failures.Add($"{Path.GetFileName(file)}: {fault.GetType().Name}: {fault.Message}");
            }
        }
        Assert.True(failures.Count == 0, string.Join(Environment.NewLine, failures));
    }
}
