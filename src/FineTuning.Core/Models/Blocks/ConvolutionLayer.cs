using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Models;

/// <summary>
/// A layer with a convolution over neighbouring tokens beside it: norm(layer(x) + function(convolution(x))), padding set to zero (DeBERTa-v2).
/// </summary>
/// <param name="layer">The layer.</param>
/// <param name="kernel">[hidden, hidden / groups, width]</param>
/// <param name="bias">[hidden]</param>
/// <param name="norm">Of the sum.</param>
/// <param name="plan">Groups, function, dropout.</param>
internal sealed class ConvolutionLayer(ILayer layer, Weight kernel, Weight bias, INorm norm, ConvolutionPlan plan) : ILayer
{
    public Tensor Forward(Tensor input, AttentionInput positions, Wanted? wanted, ForwardContext context)
    {
        Tensor? padding = positions.Real?.logical_not().unsqueeze(2);
        Tensor clean = padding is null ? input : input.masked_fill(padding, Held(0));
        Tensor channels = (clean.dtype == context.ComputeType ? clean : clean.to(context.ComputeType)).transpose(1, 2);
        Tensor mixed = nn.functional.conv1d(channels, context.Compute(kernel), context.Compute(bias), padding: plan.Width / 2,
            groups: plan.Groups).transpose(1, 2);
        if (padding is not null) mixed = mixed.masked_fill(padding, Held(0));
        Tensor added = plan.Activation.Apply(context.Dropout(mixed, plan.Dropout, DropoutSite.Convolution));
        Tensor sum = norm.Forward(layer.Forward(input, positions, null, context).Plus(added));
        if (padding is not null) sum = sum.masked_fill(padding, Held(0));
        return wanted is null ? sum : wanted.Of(sum);
    }

    public static ConvolutionLayer Make(WeightBuilder builder, ILayer layer, ConvolutionPlan plan, int depth, long width) => new(
        layer,
        builder.Make("convolution.weight", WeightKind.Matrix, depth, width, width / plan.Groups, plan.Width),
        builder.Make("convolution.bias", WeightKind.Bias, depth, width),
        Norms.Make(builder, plan.Norm, "convolution.norm", depth, width)!,
        plan);
}
