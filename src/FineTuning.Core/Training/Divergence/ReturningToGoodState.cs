namespace FineTuning.Training;

/// <summary>Goes back to an earlier state where a loss or gradient is not finite, and lowers the rate.</summary>
internal sealed class ReturningToGoodState(int most, double factor, long every) : LoopFeature
{
    private const string Path = "returned/";
    private RunState? _good;
    private int _count;

    public override string StatePath => Path;

    public override double RateFactor => Math.Pow(factor, _count);

    public override void Begin(RunParts run) => Keep(run);

    public override void BetweenSteps(RunParts run)
    {
        if (run.Record.Steps % every == 0 && run.Record.Steps > _good!.Counters.Steps) Keep(run);
    }

    public override bool Recover(RunParts run, string problem)
    {
        if (_count == most) return false;
        int count = _count + 1;
        long good = _good!.Counters.Steps;
        run.Import(_good, isReturn: true);
        // The state's own count is that of an earlier time.
        _count = count;
        run.Record.Warn($"{problem}: the run went back to step {good}, with {RateFactor:g3} of the learning rate ({count} of at most {most} times)");
        return true;
    }

    public override void Export(StateWriter state) => state.Add(Path + "count", _count);

    public override void Import(RunParts run, StateReader state) => _count = (int)(state.Number(Path + "count") ?? 0);

    public override void Dispose()
    {
        _good?.Dispose();
        base.Dispose();
    }

    private void Keep(RunParts run)
    {
        RunState state = run.Export();
        _good?.Dispose();
        _good = state;
    }
}
