using System.Text.Json.Serialization;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Tasks;
using FineTuning.Training;

namespace FineTuning.Strategies;

/// <summary>Tunes an adapter a task, with the trunk frozen for all: part of the recipe of <c>FineTuner.For(trunk)</c>, put there by it.</summary>
internal sealed record TaskAdapterTuning : RunFeature
{
    /// <summary>The adapters, in the order of the tasks.</summary>
    public required IReadOnlyList<TaskAdapter> Tasks { get; init => field = ValueList<TaskAdapter>.Of(value); }

    internal override bool CanResume => true;

    internal override LoopFeature Start() => new AllAdapterSteps([.. Tasks.Select(task => new AdapterSteps(
        run => ((MultiTaskModel)run.Model).AdapterOf(task.Task), task.Task, run => ((MultiTaskModel)run.Model).PartOf(task.Task)))]);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        foreach (TaskAdapter task in Tasks)
        {
            var own = new List<string>();
            new AdapterTuning(task.Task, task.Configuration) { Adapter = task.Adapter }.CollectViolations(own, hasValidation);
            violations.AddRange(own.Select(violation => $"the adapter of the task '{task.Task}': {violation}"));
        }
    }

    /// <summary>What is done for each adapter.</summary>
    private sealed class AllAdapterSteps(IReadOnlyList<AdapterSteps> adapters) : LoopFeature
    {
        public override void Begin(RunParts run) => All(own => own.Begin(run));

        public override void AfterGradients(RunParts run, double targetCount) => All(own => own.AfterGradients(run, targetCount));

        public override void AfterStep(RunParts run) => All(own => own.AfterStep(run));

        public override void End(RunParts run) => All(own => own.End(run));

        public override void Export(StateWriter state) => All(own => own.Export(state));

        public override void Import(RunParts run, StateReader state) => All(own => own.Import(run, state));

        public override void Dispose()
        {
            All(own => own.Dispose());
            base.Dispose();
        }

        private void All(Action<AdapterSteps> act)
        {
            foreach (AdapterSteps own in adapters) act(own);
        }
    }
}

/// <summary>The adapter of one of several tasks, by whose name the task's model knows it.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Configuration">The method, as PEFT's adapter_config.json says it.</param>
internal sealed record TaskAdapter(string Task, string Configuration)
{
    /// <summary>The method itself where the recipe was written in code: a file cannot say everything (BitFit).</summary>
    [JsonIgnore]
    internal Adapter? Adapter { get; init; }

    public bool Equals(TaskAdapter? other) => other is not null && other.Task == Task && other.Configuration == Configuration;

    public override int GetHashCode() => HashCode.Combine(Task, Configuration);

    /// <summary>Puts the adapter on the task's model, which goes on as the base; the same one of an earlier run is trained on.</summary>
    /// <returns>Whether it is fresh.</returns>
    /// <exception cref="InvalidOptionsException">Its targets mean no module, or the model has another adapter of that name.</exception>
    public bool Put(TunableModel model)
    {
        if (model.Adapters.Names.Contains(Task) && model.Adapters.Find(Task).TunedBy == Configuration) return false;
        model.Adapters.Add(Adapter ?? AdapterConfig.Parse(Configuration), Task, use: false);
        model.Adapters.Find(Task).TunedBy = Configuration;
        return true;
    }
}
