using Microsoft.Extensions.Hosting;

namespace FineTuning.Extensions.Hosting;

/// <summary>Loads a model when the host starts, so that a folder that cannot be loaded ends the start and not the first request.</summary>
internal sealed class ModelHost<TInput, TPrediction>(ServedModel<TInput, TPrediction> model) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => model.LoadAsync(cancellationToken);

    // Requests that are under way end first; the container frees the model afterwards.
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
