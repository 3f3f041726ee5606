namespace FineTuning.Fuzz;

/// <summary>Everything that can be fuzzed, by name.</summary>
internal static class Targets
{
    public static IReadOnlyList<FuzzTarget> All { get; } = 
    [
        new TokenizerTarget(), new TemplateTarget(),
        new WeightTarget("safetensors"), new WeightTarget("index"), new WeightTarget("pickle"), new CheckpointTarget("config"), new CheckpointTarget("folder"), new ModulesTarget(),
        new DataTarget("csv"), new DataTarget("tsv"), new DataTarget("jsonl"), new DataTarget("json"), new DataTarget("conll"), new DataTarget("squad"),
        new AdapterTarget(), new GenerationTarget(), new ChatDataTarget("conversations"), new ChatDataTarget("preferences"), new QuantizedTarget(),
    ];
}
