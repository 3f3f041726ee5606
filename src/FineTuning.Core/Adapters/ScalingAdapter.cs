using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>IA3 (Liu et al. 2022): each output of a module has a factor; of a feed-forward module, each input.</summary>
public sealed record ScalingAdapter : Adapter
{
    /// <summary>Ends of the paths of the modules whose inputs are scaled; null: those of the family.</summary>
    public IReadOnlyList<string>? FeedForward
    {
        get;
        init
        {
            new NullMembers().Entries(value, nameof(FeedForward)).Require(nameof(FeedForward));
            field = value;
        }
    }

    internal string? FeedForwardPattern { get; init; }

    internal override string PeftType => "IA3";

    internal override IReadOnlyList<string>? DefaultsFor(string modelType, IEnumerable<string> norms) =>
        DefaultTargets.Scaling.TryGetValue(modelType, out (string[] Targets, string[] FeedForward) known) ? known.Targets : null;

    internal override LinearMethod OnLinear(LinearModule module, string path, ParameterSource source)
    {
        IReadOnlyList<string> inputs = FeedForward ?? (DefaultTargets.Scaling.TryGetValue(source.ModelType,
            out (string[] Targets, string[] FeedForward) known) ? known.FeedForward : []);
        // PEFT looks at the end of the path without a dot here.
        bool scalesInput = FeedForwardPattern is null ? inputs.Any(name => path.EndsWith(name, StringComparison.Ordinal))
            : ModulePattern.Whole(FeedForwardPattern).Matches(path);
        return new Scaled(module, path, scalesInput, source);
    }

    internal override void Write(JsonObject config) =>
        config["feedforward_modules"] = FeedForwardPattern is not null ? FeedForwardPattern : FeedForward is null ? null
            : new JsonArray([.. FeedForward.Select(name => (JsonNode)name)]);

    internal static ScalingAdapter Read(ConfigFile config) => config.Root["feedforward_modules"] switch
    {
        null => new(),
        JsonArray => new() { FeedForward = config.Words("feedforward_modules") },
        _ => new() { FeedForwardPattern = config.Text("feedforward_modules") },
    };

    private sealed class Scaled(LinearModule module, string path, bool scalesInput, ParameterSource source) : LinearMethod(module)
    {
        private readonly Weight _factors = source.Make(
            path, "ia3_l", scalesInput ? [1, module.Inputs] : [module.Length, 1], module.Depth, () =>
                ones(scalesInput ? [1, module.Inputs] : [module.Length, 1]));

        public override Tensor Matrix(Tensor matrix) => matrix * _factors.Value;

        public override Tensor? BiasOf(Tensor? bias) => bias is null || scalesInput ? bias : bias * _factors.Value.squeeze(1);

        public override Tensor Apply(Tensor input, Tensor product, long start, long count, ForwardContext context) =>
            scalesInput ? base.Apply(input, product, start, count, context) : (product * FromFile(_factors.Value.squeeze(1)).narrow(0, start, count))
                .to(product.dtype);
    }
}
