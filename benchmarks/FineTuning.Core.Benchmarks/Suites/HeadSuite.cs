using BenchmarkDotNet.Attributes;

namespace FineTuning.Benchmarks.Suites;

/// <summary>One training step of each head over the same texts, beside that of plain classification.</summary>
[Config(typeof(SuiteConfig))]
public class HeadSuite
{
    private const int Rows = 16;
    private HeadStep[] _steps = null!;

    [GlobalSetup]
    public void Setup()
    {
        string[][] texts = HeadTasks.Texts(Rows, 60);
        _steps = [.. new[] { "plain", "classification", "tagging", "tagging-crf", "answering", "similarity", "masked" }.Select(name => HeadTasks.Make(name, SuiteModel.Folder, texts, Rows))];
    }

    [Benchmark(Baseline = true)]
    public double PlainClassification() => _steps[0].Run();

    [Benchmark]
    public double Classification() => _steps[1].Run();

    [Benchmark]
    public double Tagging() => _steps[2].Run();

    [Benchmark]
    public double TaggingWithCrf() => _steps[3].Run();

    [Benchmark]
    public double Answering() => _steps[4].Run();

    [Benchmark]
    public double Similarity() => _steps[5].Run();

    [Benchmark]
    public double MaskedLanguage() => _steps[6].Run();

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (HeadStep step in _steps) step.Dispose();
    }
}
