using FineTuning.Models;
using FineTuning.Tensors;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Draws the highest layers of the trunk anew before the first step: they are the most specialised to what the checkpoint was pretrained for
/// (Zhang et al. 2021, "Revisiting few-sample BERT fine-tuning", section 5). Matrices from a normal distribution of the checkpoint's own spread,
/// biases 0, norms 1.
/// </summary>
/// <param name="Count">How many, 1 or more; the authors take 1 to 5 of 12 or 24.</param>
internal sealed record ReinitialisedLayers(int Count = 1) : RunFeature
{
    internal override bool CanResume => true;

    internal override LoopFeature Start() => new Redraw(Count);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Count is not (>= 1 and <= 1000)) violations.Add($"{Count} layers are to be drawn anew: it is 1 or more");
    }

    private sealed class Redraw(int count) : LoopFeature
    {
        public override void Begin(RunParts run)
        {
            // A run that goes on has drawn them before.
            if (run.Record.Steps > 0) return;
            int head = run.Model.Weights.HeadDepth, lowest = Math.Max(1, head - count);
            using var scope = NewDisposeScope();
            using var none = no_grad();
            Weight[] chosen = [.. run.Trained.Where(weight => weight.Depth >= lowest && weight.Depth < head)];
            for (int i = 0; i < chosen.Length; i++)
            {
                Tensor value = chosen[i].Value;
                if (chosen[i].Kind == WeightKind.Matrix) value.copy_(Normal(run, i, value));
                else if (chosen[i].Kind == WeightKind.Norm && !chosen[i].Name.EndsWith("bias", StringComparison.Ordinal)) value.fill_(Held(1));
                else value.fill_(Held(0));
            }
        }

        // A sum of twelve evenly spread numbers between -1 and 1 has a variance of 4 and is normal to within 1 % up to three deviations.
        private static Tensor Normal(RunParts run, int site, Tensor like)
        {
            double spread = like.std().Number();
            var stream = new DropoutStream(run.Options.Seed, 0, -2);
            Tensor sum = zeros(like.shape);
            for (int i = 0; i < 12; i++) sum.PlusInPlace(stream.Layer(i).Uniform(like.shape, site));
            return sum * Held(spread / 2);
        }
    }
}
