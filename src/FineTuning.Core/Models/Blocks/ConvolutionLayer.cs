using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>A layer with a convolution over neighbouring tokens beside it: norm(layer(x) + function(convolution(x))), padding set to zero (DeBERTa-v2).</summary>
/// <param name="layer">The layer.</param>
/// <param name="kernel">[hidden, hidden / groups, width]</param>
/// <param name="bias">[hidden]</param>
/// <param name="norm">Of the sum.</param>
/// <param name="plan">Groups and function.</param>
/// <param name="dropout">Of what the convolution gives.</param>
internal sealed class ConvolutionLayer(IEncoderLayer layer, Weight kernel, Weight bias, INorm norm, ConvolutionPlan plan, double dropout) : IEncoderLayer
{
    public Tensor Forward(Tensor input, AttentionInput positions, bool firstOnly, ForwardContext context)
    {
        Tensor? padding = positions.Real?.logical_not().unsqueeze(2);
        Tensor clean = padding is null ? input : input.masked_fill(padding, Held(0));
        Tensor channels = (clean.dtype == context.ComputeType ? clean : clean.to(context.ComputeType)).transpose(1, 2);
        Tensor mixed = nn.functional.conv1d(channels, context.Compute(kernel), context.Compute(bias), padding: plan.Width / 2, groups: plan.Groups).transpose(1, 2);
        if (padding is not null) mixed = mixed.masked_fill(padding, Held(0));
        Tensor sum = norm.Forward(layer.Forward(input, positions, false, context).Plus(plan.Function.Apply(context.Dropout(mixed, dropout))));
        return padding is null ? sum : sum.masked_fill(padding, Held(0));
    }

    public static ConvolutionLayer Make(WeightBuilder builder, IEncoderLayer layer, int depth, ConvolutionPlan plan, ModelSpec spec) => new(
        layer,
        builder.Make("convolution.weight", WeightKind.Matrix, depth, spec.HiddenSize, spec.HiddenSize / plan.Groups, plan.Width),
        builder.Make("convolution.bias", WeightKind.Bias, depth, spec.HiddenSize),
        LayerNorm.Make(builder, "convolution.norm", depth, spec.HiddenSize, spec.NormEpsilon),
        plan,
        spec.Dropouts.Output ?? 0);
}
