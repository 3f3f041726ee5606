using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// Computes without keeping what the backward pass needs, and computes again when that pass comes to it: memory for time, exact (Chen et al. 2016, "Training
/// deep nets with sublinear memory cost").
/// </summary>
internal static class Recomputation
{
    // Wrappers of gradients that were handed to libtorch: it holds them itself once the function has returned.
    [ThreadStatic]
    private static Tensor[]? _handed;

    /// <summary>What a function gives, with its gradient for the inputs that want one and for the weights that train.</summary>
    /// <param name="compute">
    /// Depends on its tensors and on weights alone; it is called twice, each time in a dispose scope of its own, and makes a new tensor.
    /// </param>
    /// <param name="inputs">What it reads apart from weights.</param>
    public static Tensor Of(Func<IReadOnlyList<Tensor>, Tensor> compute, IReadOnlyList<Tensor> inputs)
    {
        if (!is_grad_enabled()) return compute(inputs);
        // The weights alone may want a gradient: the function is asked whatever its inputs want.
        Tensor mark = zeros([], ScalarType.Float32, inputs[0].device, requires_grad: true);
        return Function.apply([mark, .. inputs, compute]);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => "recomputation";

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            Tensor[] inputs = [.. vars[1..^1].Cast<Tensor>()];
            var compute = (Func<IReadOnlyList<Tensor>, Tensor>)vars[^1];
            ctx.save_for_backward([.. inputs]);
            ctx.save_data("compute", compute);
            ctx.save_data("wants", inputs.Select(input => input.requires_grad).ToArray());
            // With gradients, so that the same kernels are chosen both times; the graph ends with the scope.
            using var enabled = enable_grad();
            return DisposeScopes.Within(() => compute([.. inputs.Select(input => input.detach())]).detach());
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var wants = (bool[])ctx.get_data("wants");
            try
            {
                foreach (Tensor handed in _handed ?? []) handed.Dispose();
                _handed = null;
                return Backward((Func<IReadOnlyList<Tensor>, Tensor>)ctx.get_data("compute"), ctx.get_saved_variables(), wants, grad_output);
            }
            catch (Exception fault)
            {
                BackwardFaults.Keep(fault);
                return [.. Enumerable.Repeat<Tensor>(null!, wants.Length + 2)];
            }
        }

        private static List<Tensor> Backward(Func<IReadOnlyList<Tensor>, Tensor> compute, List<Tensor> saved, bool[] wants, Tensor slope)
        {
            using var scope = NewDisposeScope();
            using var enabled = enable_grad();
            Tensor[] inputs = [.. saved.Select((input, i) => input.detach().requires_grad_(wants[i]))];
            foreach (Tensor input in saved) input.Dispose();
            Tensor output = compute(inputs);
            if (output.requires_grad) output.backward([slope]);
            Tensor?[] gradients = [.. inputs.Select((input, i) => wants[i] ? input.grad?.MoveToOuterDisposeScope() : null)];
            _handed = [.. gradients.OfType<Tensor>()];
            return [null!, .. gradients.Select(gradient => gradient!), null!];
        }
    }
}
