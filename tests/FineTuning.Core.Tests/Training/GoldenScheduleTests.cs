using System.Text.Json;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>Every schedule, rate by rate, against the reference.</summary>
public sealed class GoldenScheduleTests
{
    [Fact]
    public void Every_schedule_equals_the_reference()
    {
        string folder = Goldens.Require("schedulers");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        var differences = new List<string>();
        foreach (JsonProperty entry in golden.RootElement.EnumerateObject())
        {
            JsonElement arguments = entry.Value.GetProperty("args");
            double Number(string name, double fallback) => arguments.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : fallback;
            int warmup = (int)Number("warmup", 0);
            Schedule schedule = entry.Name switch
            {
                "linear" => Schedule.Linear(warmup),
                "cosine" => Schedule.Cosine(warmup, cycles: Number("num_cycles", 0.5)),
                "cosine_with_restarts" => Schedule.CosineWithRestarts((int)Number("num_cycles", 1), warmup),
                "polynomial" => Schedule.Polynomial(Number("power", 1), Number("lr_end", 1e-7), warmup),
                "constant" => Schedule.Constant(),
                "constant_with_warmup" => Schedule.Constant(warmup),
                "inverse_sqrt" => Schedule.InverseSquareRoot(warmup),
                "cosine_with_min_lr" => Schedule.Cosine(warmup, Number("min_lr_rate", 0)),
                "warmup_stable_decay" => Schedule.WarmupStableDecay((int)Number("num_decay_steps", 1), warmup, Number("min_lr_ratio", 0)),
                "reduce_lr_on_plateau" => Schedule.Plateau(Number("factor", 0.1), (int)Number("patience", 10)),
                "one_cycle" => Schedule.OneCycle(),
                "cosine_warm_restarts" => Schedule.WarmRestarts((int)Number("T_0", 1), (int)Number("T_mult", 1), Number("eta_min", 0)),
                "exponential" => Schedule.Exponential(Number("gamma", 1)),
                "step" => Schedule.Step((int)Number("step_size", 1), Number("gamma", 1)),
                _ => throw new InvalidDataException($"the schedule '{entry.Name}' is unknown to this test"),
            };
            schedule = schedule with { ZeroFirstStep = true };
            var plateau = schedule is PlateauSchedule falling ? new PlateauState(falling, higherIsBetter: false) : null;
            double[] expected = [.. entry.Value.GetProperty("lr").EnumerateArray().Select(value => value.GetDouble())];
            long total = (long)Number("total", expected.Length);
            for (int step = 0; step < expected.Length; step++)
            {
                double actual = schedule.Factor(step, total) * (plateau?.Values.Factor ?? 1);
                if (!(Math.Abs(actual - expected[step]) <= 1e-9)) differences.Add($"{entry.Name} at {step}: {actual} instead of {expected[step]}");
                plateau?.Observe(entry.Value.GetProperty("metric")[step].GetDouble());
            }
        }
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(20)));
    }

    [Fact]
    public void No_step_is_wasted_unless_asked_for()
    {
        Assert.Equal([0.25, 0.5, 0.75, 1, 1], Enumerable.Range(0, 5).Select(step => Schedule.Constant(4).Factor(step, 10)));
        Assert.All(Enumerable.Range(0, 10), step => Assert.True(Schedule.Linear(0.2).Factor(step, 10) > 0));
        Assert.Equal(0, (Schedule.Linear(2) with { ZeroFirstStep = true }).Factor(0, 10));
    }
}
