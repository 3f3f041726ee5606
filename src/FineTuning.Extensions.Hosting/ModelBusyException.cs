using FineTuning.Errors;

namespace FineTuning.Extensions.Hosting;

/// <summary>As many requests wait for a model as may: ask again later, or let a load balancer ask elsewhere.</summary>
public sealed class ModelBusyException : FineTuningException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Which model, how many wait, what to do.</param>
    public ModelBusyException(string message)
        : base(message)
    {
    }
}
