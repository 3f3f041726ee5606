using FineTuning.Models;

namespace FineTuning.Training;

/// <summary>
/// Noise on the token embeddings during training: U(-1, 1) alpha / sqrt(L d) for a text of L tokens and width d (NEFTune, Jain et al. 2023).
/// </summary>
/// <param name="Alpha">Above 0; the authors take 5 to 15. Default 5.</param>
internal sealed record NoisyEmbeddings(double Alpha = 5) : RunFeature
{
    internal override bool CanResume => true;

    internal override bool ChangesInputs => true;

    internal override LoopFeature Start() => new Noise(Alpha);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Alpha is not (> 0 and < 1e6)) violations.Add($"the alpha of noisy embeddings is {Alpha}: it is above 0 and below 1,000,000");
    }

    private sealed class Noise(double alpha) : LoopFeature
    {
        public override ForwardContext Shape(RunParts run, ForwardContext context) => context.WithNoise(alpha);
    }
}
