using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>
/// Native operations that TorchSharp does not bind, reached through one constant TorchScript unit. Constant, because text that does not compile ends the
/// process; static, because a unit frees nothing when disposed. Calls are thread-safe.
/// </summary>
internal static class Kernels
{
    private const string Script = """
        def adamw(parameters: List[Tensor], gradients: List[Tensor], first: List[Tensor], second: List[Tensor], highest: List[Tensor], steps: List[Tensor],
                  rate: float, beta1: float, beta2: float, decay: float, epsilon: float, amsgrad: bool, scale: Optional[Tensor]):
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(parameters, gradients, first, second, highest, steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay,
                                eps=epsilon, amsgrad=amsgrad, maximize=False, grad_scale=scale, found_inf=None)

        def adam(parameters: List[Tensor], gradients: List[Tensor], first: List[Tensor], second: List[Tensor], highest: List[Tensor], steps: List[Tensor],
                 rate: float, beta1: float, beta2: float, decay: float, epsilon: float, amsgrad: bool, scale: Optional[Tensor]):
            torch._foreach_add_(steps, 1)
            torch._fused_adam_(parameters, gradients, first, second, highest, steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay,
                               eps=epsilon, amsgrad=amsgrad, maximize=False, grad_scale=scale, found_inf=None)

        def norm(tensors: List[Tensor]) -> Tensor:
            return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(tensors, 2)), 2)

        def scale(tensors: List[Tensor], factor: float):
            torch._foreach_mul_(tensors, factor)

        def gelu_tanh(input: Tensor) -> Tensor:
            return torch.gelu(input, approximate="tanh")

        def embedding(table: Tensor, ids: Tensor, padding: int) -> Tensor:
            return torch.embedding(table, ids, padding)

        def attend(query: Tensor, key: Tensor, value: Tensor, mask: Optional[Tensor], causal: bool, scale: float) -> Tensor:
            return torch.scaled_dot_product_attention(query, key, value, mask, 0.0, causal, scale=scale)

        def dropout_mask(counter: Tensor, low: int, high: int, threshold: int, kept: float) -> Tensor:
            limit = 4294967295
            x = ((counter * 2654435761) & limit) ^ low
            x = ((x ^ (x >> 16)) * 2246822507) & limit
            x = ((x ^ (x >> 13)) * 3266489909) & limit
            x = ((x ^ (x >> 16)) + high) & limit
            x = ((x ^ (x >> 15)) * 739982445) & limit
            x = ((x ^ (x >> 12)) * 695872825) & limit
            return ((x ^ (x >> 15)) >= threshold).float() * kept
        """;

    private static readonly Lazy<jit.CompilationUnit> Unit = new(Compile, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>One AdamW step over lists of float32 tensors in place (Loshchilov and Hutter 2019, algorithm 2).</summary>
    /// <param name="lists">The tensors of one parameter group.</param>
    /// <param name="settings">Rate and the rest.</param>
    /// <param name="gradientDivisor">A scalar tensor by which gradients are divided on the way. Null: 1.</param>
    public static void AdamW(AdamLists lists, AdamSettings settings, Tensor? gradientDivisor) => Step("adamw", lists, settings, gradientDivisor);

    /// <summary>One Adam step (decay added to the gradient) over lists of float32 tensors in place (Kingma and Ba 2015, algorithm 1).</summary>
    /// <param name="lists">The tensors of one parameter group.</param>
    /// <param name="settings">Rate and the rest.</param>
    /// <param name="gradientDivisor">A scalar tensor by which gradients are divided on the way. Null: 1.</param>
    public static void Adam(AdamLists lists, AdamSettings settings, Tensor? gradientDivisor) => Step("adam", lists, settings, gradientDivisor);

    /// <summary>The 2-norm over all elements of all tensors.</summary>
    /// <returns>A scalar.</returns>
    public static Tensor Norm(Tensor[] tensors) => (Tensor)Call("norm", (object)tensors)!;

    /// <summary>Multiplies all tensors in place.</summary>
    public static void Scale(Tensor[] tensors, double factor) => Call("scale", tensors, factor);

    /// <summary>GELU by its approximation with the hyperbolic tangent (Hendrycks and Gimpel 2016, section 2).</summary>
    /// <returns>The shape of the input.</returns>
    public static Tensor GeluTanh(Tensor input) => (Tensor)Call("gelu_tanh", input)!;

    /// <summary>Rows of a table.</summary>
    /// <param name="table">[rows, width]</param>
    /// <param name="ids">int64, any shape; each from 0 to rows - 1.</param>
    /// <param name="padding">The row that gets no gradient; -1: every row does.</param>
    /// <returns>[.., width]</returns>
    public static Tensor Embedding(Tensor table, Tensor ids, long padding = -1) => (Tensor)Call("embedding", table, ids, padding)!;

    /// <summary>Scaled dot-product attention without dropout.</summary>
    /// <param name="query">[batch, heads, tokens, width]</param>
    /// <param name="key">[batch, heads, keys, width]</param>
    /// <param name="value">[batch, heads, keys, width]</param>
    /// <param name="mask">Boolean (true: attend) or added, broadcast to [batch, heads, tokens, keys]; null: none.</param>
    /// <param name="causal">Whether a token sees only itself and those before it; then <paramref name="mask"/> is null.</param>
    /// <param name="scale">The factor of the products.</param>
    /// <returns>[batch, heads, tokens, width]</returns>
    public static Tensor Attend(Tensor query, Tensor key, Tensor value, Tensor? mask, bool causal, double scale) =>
        (Tensor)Call("attend", query, key, value, mask, causal, scale)!;

    /// <summary>A dropout mask by the arithmetic of <see cref="Tensors.DropoutMask"/>; 32-bit numbers in 64-bit ones, cut back after each step.</summary>
    /// <param name="counter">0, 1, 2 and so on, int64.</param>
    /// <param name="low">The key's lower half.</param>
    /// <param name="high">The key's upper half.</param>
    /// <param name="threshold">Below it an element is dropped.</param>
    /// <param name="kept">The value of an element that is kept.</param>
    /// <returns>The shape of the counter, float32</returns>
    public static Tensor DropoutMask(Tensor counter, uint low, uint high, uint threshold, float kept) =>
        (Tensor)Call("dropout_mask", counter, (long)low, (long)high, (long)threshold, (double)kept)!;

    private static void Step(string function, AdamLists lists, AdamSettings settings, Tensor? gradientDivisor)
    {
        if (lists.Parameters.Length == 0) return;
        Call(
            function, lists.Parameters, lists.Gradients, lists.First, lists.Second, lists.Highest, lists.Steps,
            settings.Rate, settings.Beta1, settings.Beta2, settings.Decay, settings.Epsilon, settings.AmsGrad, gradientDivisor);
    }

    // TorchSharp turns numbers into native scalars that nothing keeps alive during the call: a collection in between frees them, and the kernel reads what
    // is left. So they are made here and held until it has returned.
    private static object? Call(string function, params object?[] arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            arguments[i] = arguments[i] switch
            {
                double number => number.ToScalar(),
                long number => number.ToScalar(),
                bool flag => flag.ToScalar(),
                object other => other,
                null => null,
            };
        }
        object? result = Unit.Value.invoke(function, arguments!);
        foreach (object? argument in arguments) (argument as Scalar)?.Dispose();
        GC.KeepAlive(arguments);
        return result;
    }

    private static jit.CompilationUnit Compile()
    {
        FineTuningRuntime.Load();
        return jit.compile(Script + "\n");
    }
}

/// <summary>
/// The tensors of one group: parameters, gradients, first and second moments, highest second moments (empty without AMSGrad) and step counts.
/// </summary>
internal sealed record AdamLists(Tensor[] Parameters, Tensor[] Gradients, Tensor[] First, Tensor[] Second, Tensor[] Highest, Tensor[] Steps);

/// <summary>What one Adam or AdamW step needs apart from tensors.</summary>
internal readonly record struct AdamSettings(double Rate, double Beta1, double Beta2, double Decay, double Epsilon, bool AmsGrad);
