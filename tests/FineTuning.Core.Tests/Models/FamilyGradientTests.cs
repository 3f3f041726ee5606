using FineTuning.Models;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>The gradient of every weight of every encoder with every head.</summary>
public sealed class FamilyGradientTests
{
    public static TheoryData<string, string> Cases() => ModelCase.All();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Equals_central_differences(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { MasterType = ScalarType.Float64, Dropout = 0 });
        Tensor? factors = null;
        Tensor Function()
        {
            Tensor output = ModelCase.Output(model, data.Input(), ForwardContext.EvaluationIn(ScalarType.Float64));
            // What padding gives is nobody's business.
            factors ??= randn(output.shape, ScalarType.Float64, generator: generator) * (output.dim() == 3 ? data.Mask.unsqueeze(2) : ones(1));
            return (output * factors).sum();
        }
        // The padding id's row gets no gradient on purpose, so the table is no exact derivative.
        GradientCheck.Check(Function, model.Weights.Where(weight => weight.Name != "embeddings.token.weight").Select(weight => (weight.Name, weight.Value)));
    }
}
