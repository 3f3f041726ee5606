using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Tensors;

/// <summary>Numbers on their way into native operations and out of them.</summary>
/// <remarks>
/// TorchSharp makes a native scalar of a number and passes its address, but keeps nothing alive during the call: a collection in between frees it, and the
/// operation computes with what is left there, or fails. Its conversions and its operators with numbers are therefore banned in this library
/// (BannedSymbols.Numbers.txt), and so is the sum of two tensors, which makes the number 1 in passing.
/// Compute in the same way in your own tasks. Thread-safe.
/// </remarks>
public static class Scalars
{
    // A scalar is read in the call it is made for; no single expression has nearly as many.
    private const int Kept = 64;

    private static readonly Scalar One;

    // These may be the first that a process asks of torch.
    static Scalars()
    {
        FineTuningRuntime.Load();
        One = 1.ToScalar();
    }

    private const ulong LongestRange = 1 << 28;

    [ThreadStatic]
    private static Scalar[]? _kept;

    [ThreadStatic]
    private static int _next;

    /// <summary>The number as a scalar that lives until this thread has made some dozens more: <c>x * Held(0.5)</c>.</summary>
    /// <param name="value">Any number.</param>
    public static Scalar Held(double value) => Keep(value.ToScalar());

    /// <inheritdoc cref="Held(double)"/>
    public static Scalar Held(float value) => Keep(value.ToScalar());

    /// <inheritdoc cref="Held(double)"/>
    public static Scalar Held(long value) => Keep(value.ToScalar());

    /// <summary>The sum of two tensors, element by element.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that broadcasts with it.</param>
    /// <returns>The common shape of both.</returns>
    public static Tensor Plus(this Tensor left, Tensor right) => Present(left, nameof(left)).add(Present(right, nameof(right)), One);

    /// <summary>A tensor plus a number.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">What is added.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor Plus(this Tensor left, double right) => Present(left, nameof(left)).add(Held(right), One);

    /// <summary>A tensor plus a whole number, which leaves a tensor of whole numbers one.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">What is added.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor Plus(this Tensor left, long right) => Present(left, nameof(left)).add(Held(right), One);

    /// <summary>A number minus a tensor.</summary>
    /// <param name="left">What is subtracted from.</param>
    /// <param name="right">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor Minus(double left, Tensor right) => Present(right, nameof(right)).neg().add(Held(left), One);

    /// <summary>Each element times itself.</summary>
    /// <param name="tensor">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor Squared(this Tensor tensor) => Present(tensor, nameof(tensor)) * tensor;

    /// <summary>The whole numbers from the first to below the end.</summary>
    /// <param name="first">The first.</param>
    /// <param name="end">Behind the last; not below the first, and at most 268,435,456 above it.</param>
    /// <param name="type">The elements' type, one of real or whole numbers. Null: int64.</param>
    /// <param name="device">Where it lies. Null: in the processor's memory.</param>
    /// <returns>[end - first]</returns>
    /// <exception cref="ArgumentOutOfRangeException">The end is below the first or too far above it, or the type is another.</exception>
    public static Tensor Range(long first, long end, ScalarType? type = null, Device? device = null)
    {
        if (type is not (null or ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Float16
            or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64))
            throw new ArgumentOutOfRangeException(nameof(type), type, "it is no type of real or whole numbers");
        if (end < first || unchecked((ulong)(end - first)) > LongestRange)
            throw new ArgumentOutOfRangeException(nameof(end), end, $"there are no tensors of the whole numbers from {first} to below {end}");
        return arange(Held(first), Held(end), One, type ?? ScalarType.Int64, device);
    }

    /// <summary>Adds a tensor in place.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">What is added.</param>
    /// <returns>The tensor itself.</returns>
    public static Tensor PlusInPlace(this Tensor left, Tensor right) => Present(left, nameof(left)).add_(Present(right, nameof(right)), One);

    /// <summary>Adds a number in place.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">What is added.</param>
    /// <returns>The tensor itself.</returns>
    public static Tensor PlusInPlace(this Tensor left, double right) => Present(left, nameof(left)).add_(Held(right), One);

    /// <summary>Adds a whole number in place.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">What is added.</param>
    /// <returns>The tensor itself.</returns>
    public static Tensor PlusInPlace(this Tensor left, long right) => Present(left, nameof(left)).add_(Held(right), One);

    /// <summary>The value of a tensor of one element; TorchSharp's own conversions read it through a number that nothing keeps alive.</summary>
    /// <param name="tensor">One element of any type.</param>
    public static double Number(this Tensor tensor) => Present(tensor, nameof(tensor)).to(ScalarType.Float64).item<double>();

    private static Scalar Keep(Scalar scalar)
    {
        _kept ??= new Scalar[Kept];
        _kept[_next] = scalar;
        _next = (_next + 1) % Kept;
        return scalar;
    }

    private static Tensor Present(Tensor tensor, string name) => tensor is null ? throw new ArgumentNullException(name) : tensor;
}
