using FineTuning.Batching;
using FineTuning.Models;
using FineTuning.Training;

namespace FineTuning.Tests.Training;

/// <summary>A classifier of a few hundred numbers, its data, and runs of it on the calling thread.</summary>
internal static class TinyRun
{
    public const string Config = """
        {"model_type":"bert","vocab_size":24,"hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":8,
         "max_position_embeddings":16,"type_vocab_size":1,"hidden_dropout_prob":0.1,"attention_probs_dropout_prob":0.1}
        """;

    public static RowsClassifier Model() => Model(null);

    public static RowsClassifier Model(double? dropout) =>
        new(OutputHead.Create(Config, HeadKind.SequenceClassification, 3, new ModelLoadOptions { Seed = 7, Dropout = dropout }));

    public static IdsWithLabel[] Data(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new IdsWithLabel([.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => random.Next(1, 24))], random.Next(3)))];
    }

    public static float[] Values(RowsClassifier model) => [.. model.Weights.SelectMany(weight => weight.Value.detach().data<float>().ToArray())];

    public static TrainingResult Run(RowsClassifier model, TrainingOptions options, RunState? from = null, IdsWithLabel[]? data = null)
    {
        RowSet train = RowSet.Encode(model, data ?? Data(10), "training data", null, default), validation = RowSet.Encode(model, Data(6, 2), "validation data", null, default);
        return new TrainingLoop(model, train, validation, options, new RunObserver(), default) { From = from }.Run();
    }
}

/// <summary>Exports the state of a run once, after a step or after the evaluation that follows it.</summary>
internal sealed record ExportOnce(long Step, bool AfterEvaluation) : RunFeature
{
    [ThreadStatic]
    private static RunState? _state;

    /// <summary>What was exported last on this thread; it is the caller's from then on.</summary>
    public static RunState? Take()
    {
        RunState? state = _state;
        _state = null;
        return state;
    }

    internal override LoopFeature Start() => new Exporting(this);

    private sealed class Exporting(ExportOnce settings) : LoopFeature
    {
        public override void AfterStep(RunParts run) => Export(run, false);

        public override void AfterEvaluation(RunParts run) => Export(run, true);

        private void Export(RunParts run, bool evaluated)
        {
            if (run.Record.Steps == settings.Step && evaluated == settings.AfterEvaluation) _state ??= run.Export();
        }
    }
}
