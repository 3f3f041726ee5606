using FineTuning.Examples;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>Your own task on a plain TorchSharp module, made as the first code of a process: nothing has asked for the native library before.</summary>
internal sealed class FirstTask : TunableModel<LabeledText<string>>
{
    private readonly nn.Module<Tensor, Tensor> _network;

    public FirstTask()
    {
        _network = nn.Linear(3, 2);
        Weights = WeightSet.Of(_network);
    }

    public override WeightSet Weights { get; }

    public override EncodedRow? Encode(LabeledText<string> example, EncodingReport report) => null;

    public override Batch Collate(IReadOnlyList<EncodedRow> rows, int paddedLength) => throw new NotSupportedException();

    public override Tensor SumLoss(Batch batch, ForwardContext context) => _network.call(ones(1, 3)).sum();

    public override IEvaluation NewEvaluation() => throw new NotSupportedException();

    /// <summary>Runs it.</summary>
    /// <returns>0: it computes.</returns>
    public static int Run()
    {
        using var task = new FirstTask();
        using var scope = NewDisposeScope();
        return float.IsFinite(task._network.call(ones(1, 3)).sum().item<float>()) ? 0 : 1;
    }
}
