using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FineTuning.Extensions.Hosting;

/// <summary>
/// Healthy while a model answers; degraded where a swap failed and the old model goes on, or where nine tenths of the queue are full; the registration's
/// failure status (unhealthy, by default) where there is no model.
/// </summary>
internal sealed class ModelHealthCheck<TInput, TPrediction>(ServedModel<TInput, TPrediction> model) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check(context));

    private HealthCheckResult Check(HealthCheckContext context)
    {
        int waiting = model.Waiting;
        var data = new Dictionary<string, object> { ["folder"] = model.Folder ?? "", ["waiting"] = waiting };
        HealthCheckResult Broken(string what) => new(context.Registration.FailureStatus, what, model.Problem, data);
        if (model.IsDisposed) return Broken("the model is no longer served");
        if (model.Folder is null) return Broken(model.Problem is null ? "the model is not loaded yet" : $"the model cannot be loaded: {model.Problem.Message}");
        if (model.Problem is { } problem)
            return new(HealthStatus.Degraded, $"the last swap failed, and the model before it goes on: {problem.Message}", problem, data);
        return 10L * waiting >= 9L * model.Capacity
            ? new(HealthStatus.Degraded, $"{waiting} requests wait, and the queue holds {model.Capacity}", null, data)
            : HealthCheckResult.Healthy("the model answers", data);
    }
}
