using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>The base model of goldens/preference with its tokenizer, as one folder that is deleted with it.</summary>
internal sealed class PreferenceBase : IDisposable
{
    public PreferenceBase()
    {
        string model = Goldens.Require("preference", "base"), tokenizer = Goldens.Require("preference", "tokenizer");
        Directory.CreateDirectory(Folder);
        foreach (string file in Directory.EnumerateFiles(model).Concat(Directory.EnumerateFiles(tokenizer)))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        }
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), $"preference-{Guid.NewGuid():N}");

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>Measures each batch with the weights as they are before its step, as the reference's trainers log it.</summary>
internal sealed record MeasuredSteps : RunFeature
{
    // A run has a thread of its own: what it measured is handed over through the record that stands in its recipe.
    public List<MetricReport> Reports { get; } = [];

    internal override LoopFeature Start() => new Measuring(Reports);

    private sealed class Measuring(List<MetricReport> reports) : LoopFeature
    {
        public override void BeforeForward(RunParts run, Batch batch)
        {
            using var gradients = TorchSharp.torch.no_grad();
            IEvaluation evaluation = run.Model.NewEvaluation();
            evaluation.Add(batch, ForwardContext.Evaluation());
            reports.Add(evaluation.Report());
        }
    }
}
