namespace FineTuning.Training;

/// <summary>Leaves steps out whose loss or gradient is not finite.</summary>
internal sealed class SkippingSteps(int most) : LoopFeature
{
    private const string Path = "skipped/";
    private int _count;

    public override string StatePath => Path;

    public override bool Recover(RunParts run, string problem)
    {
        if (_count == most) return false;
        _count++;
        run.Record.Warn($"{problem}: the step was left out ({_count} of at most {most}); it is in the history with a loss of 0");
        run.Record.AddSkippedStep(run.Rate);
        return true;
    }

    public override void Export(StateWriter state) => state.Add(Path + "count", _count);

    public override void Import(RunParts run, StateReader state) => _count = (int)(state.Number(Path + "count") ?? 0);
}
