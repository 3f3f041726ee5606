using Microsoft.Extensions.Options;

namespace FineTuning.Extensions.Hosting;

/// <summary>All that is wrong with options, at once.</summary>
internal sealed class ServedModelValidation : IValidateOptions<ServedModelOptions>
{
    public ValidateOptionsResult Validate(string? name, ServedModelOptions options) =>
        options.Violations() is { Count: > 0 } violations ? ValidateOptionsResult.Fail(violations) : ValidateOptionsResult.Success;
}
