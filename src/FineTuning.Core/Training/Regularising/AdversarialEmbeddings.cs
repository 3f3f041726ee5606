using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Training;

/// <summary>
/// Each micro-batch is also trained on with the token embeddings moved against it: e + epsilon g / |g| with g the gradient of the table
/// (fast gradient method, Miyato, Dai and Goodfellow 2017, equation 5). A step takes twice the time.
/// </summary>
/// <remarks>Both losses count, so gradients are about twice as long. The loss that is reported is that of the texts as they are.</remarks>
/// <param name="Epsilon">How far, above 0. Default 1.</param>
internal sealed record AdversarialEmbeddings(double Epsilon = 1) : RunFeature
{
    private const string Table = "embeddings.token.weight";

    internal override bool CanResume => true;

    internal override bool ChangesInputs => true;

    internal override LoopFeature Start() => new Attack(Epsilon);

    internal override void CollectViolations(List<string> violations, bool hasValidation)
    {
        if (Epsilon is not (> 0 and < 1e6)) violations.Add($"the epsilon of adversarial embeddings is {Epsilon}: it is above 0 and below 1,000,000");
    }

    private sealed class Attack(double epsilon) : LoopFeature
    {
        private Weight? _table;
        private Tensor? _before;

        public override void Begin(RunParts run) => _table =
            run.Trained.FirstOrDefault(weight => weight.Name == Table || weight.Name.EndsWith("/" + Table, StringComparison.Ordinal))
            ?? throw new InvalidOptionsException(["adversarial embeddings need the token embeddings to train: do not freeze them, or leave them out"]);

        // What earlier micro-batches of the step left is set aside: the attack is against this one.
        public override void BeforeForward(RunParts run, Batch batch)
        {
            _before = _table!.Value.grad;
            _table.Value.grad = null;
        }

        public override void AfterBackward(RunParts run, Batch batch, ForwardContext context)
        {
            if (_table!.Value.grad is { } gradient && _table.IsTrainable)
            {
                using Tensor own = _table.Value.detach().clone();
                if (Move(gradient))
                {
                    run.Model.AddGradients(batch, context);
                    using var none = no_grad();
                    _table.Value.copy_(own);
                }
            }
            if (_before is null) return;
            using (no_grad())
            {
                if (_table.Value.grad is { } sum) sum.PlusInPlace(_before);
                else _table.Value.grad = _before;
            }
            _before = null;
        }

        private bool Move(Tensor gradient)
        {
            using var scope = NewDisposeScope();
            using var none = no_grad();
            double norm = gradient.norm().Number();
            if (norm is not (> 0 and < double.PositiveInfinity)) return false;
            _table!.Value.add_(gradient, Held(epsilon / norm));
            return true;
        }
    }
}
