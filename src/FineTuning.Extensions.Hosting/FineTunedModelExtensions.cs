using System.Diagnostics.Metrics;
using FineTuning.Extensions.Hosting;
using FineTuning.Tasks;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts tuned models into a host's services.</summary>
public static class FineTunedModelExtensions
{
    /// <summary>
    /// Serves the model of a folder as a singleton <see cref="ServedModel{TInput, TPrediction}"/> and as <see cref="IPredictor{TInput, TPrediction}"/>: loaded
    /// when the host starts, with micro-batching. A model with a name is a keyed service of that name; several of one type need names.
    /// </summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered.</typeparam>
    /// <param name="services">Changed.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="load">Loads it, for example <c>folder => Pretrained.TextClassifier&lt;Mood&gt;(folder)</c>.</param>
    /// <param name="configure">Changes the options; they may be bound to a configuration as well, under the model's name.</param>
    /// <param name="name">The model's name. Null: the type has one model, which has no key.</param>
    public static IServiceCollection AddFineTunedModel<TInput, TPrediction>(this IServiceCollection services, string folder,
        Func<string, IPredictor<TInput, TPrediction>> load, Action<ServedModelOptions>? configure = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(load);
        string optionsName = name ?? Options.Options.DefaultName, shown = name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        services.AddOptions<ServedModelOptions>(optionsName).Configure(options => options.Folder = folder);
        if (configure is not null) services.Configure(optionsName, configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ServedModelOptions>, ServedModelValidation>());
        ServedModel<TInput, TPrediction> Make(IServiceProvider provider) => new(shown,
            provider.GetRequiredService<IOptionsMonitor<ServedModelOptions>>().Get(optionsName), load,
            provider.GetService<TimeProvider>(), provider.GetService<IMeterFactory>());
        if (name is null)
        {
            services.AddSingleton(Make);
            services.AddSingleton<IPredictor<TInput, TPrediction>>(provider => provider.GetRequiredService<ServedModel<TInput, TPrediction>>());
        }
        else
        {
            services.AddKeyedSingleton(name, (provider, _) => Make(provider));
            services.AddKeyedSingleton<IPredictor<TInput, TPrediction>>(
                name, (provider, key) => provider.GetRequiredKeyedService<ServedModel<TInput, TPrediction>>(key));
        }
        services.AddSingleton<IHostedService>(provider => new ModelHost<TInput, TPrediction>(Find<TInput, TPrediction>(provider, name)));
        return services;
    }

    /// <summary>A health check of a served model.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered.</typeparam>
    /// <param name="checks">Changed.</param>
    /// <param name="name">The model's name, as it was added. Null: it has none.</param>
    /// <param name="failureStatus">The status while no model answers. Null: unhealthy.</param>
    /// <param name="tags">By which checks are chosen. Null: none.</param>
    public static IHealthChecksBuilder AddFineTunedModel<TInput, TPrediction>(
        this IHealthChecksBuilder checks, string? name = null, HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(checks);
        return checks.Add(new HealthCheckRegistration(name ?? "model",
            provider => new ModelHealthCheck<TInput, TPrediction>(Find<TInput, TPrediction>(provider, name)), failureStatus, tags));
    }

    /// <summary>Trains models in the background of the host, one after the other: <see cref="ModelTraining"/>.</summary>
    /// <param name="services">Changed.</param>
    public static IServiceCollection AddModelTraining(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton<ModelTraining>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelTraining>());
        return services;
    }

    private static ServedModel<TInput, TPrediction> Find<TInput, TPrediction>(IServiceProvider provider, string? name) => name is null
        ? provider.GetRequiredService<ServedModel<TInput, TPrediction>>() : provider.GetRequiredKeyedService<ServedModel<TInput, TPrediction>>(name);
}
