namespace FineTuning.Training;

/// <summary>How weights follow their gradients: a plain value, compared and stored by its settings.</summary>
/// <remarks>Immutable and thread-safe. Equations and defaults are those of PyTorch 2.13, and of Hugging Face's library for Adafactor.</remarks>
public abstract record Optimizer
{
    // float32 holds numbers down to 1e-38; what multiplies a gradient needs room below it.
    private protected const double SmallestRate = 1e-30, LargestNumber = 1e18;

    private protected Optimizer(double learningRate, double weightDecay)
    {
        LearningRate = learningRate;
        WeightDecay = weightDecay;
    }

    /// <summary>The highest rate: the schedule's factor multiplies it.</summary>
    public double LearningRate { get; init; }

    /// <summary>Weight decay of matrices and embeddings; biases and norms do not decay unless the tuner is told so.</summary>
    public double WeightDecay { get; init; }

    /// <summary>AdamW: decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2); one fused native call for all weights.</summary>
    /// <param name="learningRate">Default 5e-5.</param>
    /// <param name="weightDecay">Default 0.01.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="amsGrad">Whether the highest second moment is used (Reddi et al. 2018).</param>
    public static AdamWOptimizer AdamW(
        double learningRate = 5e-5, double weightDecay = 0.01, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, bool amsGrad = false) =>
        new(learningRate, weightDecay, beta1, beta2, epsilon, amsGrad);

    /// <summary>Adam: decay, where there is any, is added to the gradient (Kingma and Ba 2015, algorithm 1).</summary>
    /// <param name="learningRate">Default 5e-5.</param>
    /// <param name="weightDecay">Default 0.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="amsGrad">Whether the highest second moment is used.</param>
    public static AdamOptimizer Adam(
        double learningRate = 5e-5, double weightDecay = 0, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, bool amsGrad = false) =>
        new(learningRate, weightDecay, beta1, beta2, epsilon, amsGrad);

    /// <summary>Stochastic gradient descent (Sutskever et al. 2013 for the momenta).</summary>
    /// <param name="learningRate">Default 0.01.</param>
    /// <param name="momentum">From 0 (default) to below 1.</param>
    /// <param name="weightDecay">Default 0; added to the gradient.</param>
    /// <param name="nesterov">Whether the gradient is taken ahead of the momentum.</param>
    public static SgdOptimizer Sgd(double learningRate = 0.01, double momentum = 0, double weightDecay = 0, bool nesterov = false) =>
        new(learningRate, weightDecay, momentum, nesterov);

    /// <summary>RMSprop (Tieleman and Hinton 2012).</summary>
    /// <param name="learningRate">Default 1e-4.</param>
    /// <param name="smoothing">Decay of the mean square.</param>
    /// <param name="momentum">From 0 (default) to below 1.</param>
    /// <param name="weightDecay">Default 0; added to the gradient.</param>
    /// <param name="epsilon">Added to the root of the mean square.</param>
    public static RmsPropOptimizer RmsProp(double learningRate = 1e-4, double smoothing = 0.99, double momentum = 0,
        double weightDecay = 0, double epsilon = 1e-8) =>
        new(learningRate, weightDecay, smoothing, momentum, epsilon);

    /// <summary>Adagrad (Duchi, Hazan and Singer 2011).</summary>
    /// <param name="learningRate">Default 0.01.</param>
    /// <param name="weightDecay">Default 0; added to the gradient.</param>
    /// <param name="epsilon">Added to the root of the sum of squares.</param>
    public static AdagradOptimizer Adagrad(double learningRate = 0.01, double weightDecay = 0, double epsilon = 1e-10) =>
        new(learningRate, weightDecay, epsilon);

    /// <summary>RAdam: Adam whose adaptive rate waits until its variance is known (Liu et al. 2020, algorithm 2).</summary>
    /// <param name="learningRate">Default 5e-5.</param>
    /// <param name="weightDecay">Default 0; added to the gradient.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    public static RAdamOptimizer RAdam(double learningRate = 5e-5, double weightDecay = 0, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) =>
        new(learningRate, weightDecay, beta1, beta2, epsilon);

    /// <summary>NAdam: Adam with Nesterov's momentum (Dozat 2016).</summary>
    /// <param name="learningRate">Default 5e-5.</param>
    /// <param name="weightDecay">Default 0; added to the gradient.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="momentumDecay">How fast the momentum approaches beta1.</param>
    public static NAdamOptimizer NAdam(
        double learningRate = 5e-5, double weightDecay = 0, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double momentumDecay = 4e-3) =>
        new(learningRate, weightDecay, beta1, beta2, epsilon, momentumDecay);

    /// <summary>Adafactor: second moments of matrices as the product of a row and a column (Shazeer and Stern 2018, algorithm 4): little memory.</summary>
    /// <param name="learningRate">The rate of a matrix whose relative size is 1. Null: 1 / sqrt(step), at most 0.01 (the relative step of section 8).
    /// Default 1e-3.</param>
    /// <param name="scaleByWeight">Whether the rate is multiplied by the root mean square of the weight (at least 1e-3). Default false.</param>
    /// <param name="weightDecay">Default 0; apart from the gradient.</param>
    public static AdafactorOptimizer Adafactor(double? learningRate = 1e-3, bool scaleByWeight = false, double weightDecay = 0) =>
        new(learningRate ?? 1, weightDecay, learningRate is null, scaleByWeight);

    /// <summary>
    /// Lion: the sign of an interpolated momentum (Chen et al. 2023, algorithm 2). Its rate is 3 to 10 times below AdamW's, its decay as much above.
    /// </summary>
    /// <param name="learningRate">Default 1e-5.</param>
    /// <param name="weightDecay">Default 0.1; apart from the gradient.</param>
    /// <param name="beta1">The interpolation in the update.</param>
    /// <param name="beta2">Decay of the momentum.</param>
    public static LionOptimizer Lion(double learningRate = 1e-5, double weightDecay = 0.1, double beta1 = 0.9, double beta2 = 0.99) =>
        new(learningRate, weightDecay, beta1, beta2);

    internal abstract OptimizerState CreateState();

    /// <summary>How many copies of the weights its state holds, at most.</summary>
    internal virtual int WeightCopies => 1;

    internal virtual void CollectViolations(List<string> violations)
    {
        if (LearningRate is not (>= SmallestRate and <= 1000))
            violations.Add($"the learning rate is {LearningRate}: it is from {SmallestRate} to 1000 (below, no float32 weight would move)");
        if (WeightDecay is not (0 or (>= SmallestRate and <= 1000)))
            violations.Add($"the weight decay is {WeightDecay}: it is 0, or from {SmallestRate} to 1000");
    }

    private protected static void Share(double value, string name, List<string> violations)
    {
        if (value is not (>= 0 and < 1)) violations.Add($"{name} is {value}: it is from 0 to below 1");
    }

    private protected static void Positive(double value, string name, List<string> violations)
    {
        if (value is not (>= SmallestRate and <= LargestNumber)) violations.Add($"{name} is {value}: it is from {SmallestRate} to {LargestNumber}");
    }
}
