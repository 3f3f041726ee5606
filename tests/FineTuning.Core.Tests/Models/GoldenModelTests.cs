using System.Text.Json;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Logits, hidden states, loss and gradients of every family and head against the reference.</summary>
public sealed class GoldenModelTests
{
    public static TheoryData<string, string> Cases() => ModelCase.FromGoldens();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Equals_the_reference(string family, string head)
    {
        string folder = Goldens.Require("models", family, head);
        using var scope = NewDisposeScope();
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        using OutputHead model = OutputHead.Load(folder, ModelCase.Heads[head], OutputHead.ReadLabels(folder).Count);
        Assert.Empty(model.LoadReport.Fresh);
        var differences = new List<string>();
        Tensor? Input(string name) => golden.Tensors.ContainsKey("inputs." + name) ? golden.Read("inputs." + name) : null;
        Tensor mask = Input("attention_mask")!.to(ScalarType.Bool);
        var input = new TrunkInput(Input("input_ids")!, Input("token_type_ids"), mask);
        if (head == "seq2seq")
        {
            Tensor labels = Input("labels")!;
            Compare(differences, "encoder_last_hidden_state", golden.Read("outputs.encoder_last_hidden_state"), model.Trunk.Encode(input, ForwardContext.Evaluation()), mask);
            input = new TrunkInput(ModelCase.ShiftedRight(labels, model.Trunk.Plan)) { Source = input };
            mask = labels.ne(Held(-100));
        }
        ForwardContext pass = ForwardContext.Evaluation();
        IReadOnlyList<Tensor> states = model.Trunk.AllStates(head == "seq2seq" ? input : ModelCase.ForTrunk(model, input), pass);
        for (int i = 0; i < states.Count; i++)
        {
            if (golden.Tensors.ContainsKey($"outputs.hidden_states.{i}")) Compare(differences, $"hidden_states.{i}", golden.Read($"outputs.hidden_states.{i}"), states[i], mask);
        }
        Tensor loss = Loss(head, model, input, Input, golden, mask, differences);
        double reference = expected.RootElement.GetProperty("loss").GetDouble();
        if (!(Math.Abs(loss.item<float>() - reference) <= 1e-5 * Math.Max(1e-3, Math.Abs(reference)))) differences.Add($"loss {loss.item<float>()} instead of {reference}");

        loss.backward();
        CompareGradients(differences, model, golden, expected.RootElement.GetProperty("grad_norms"));
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(10)));
    }

    private static Tensor Loss(string head, OutputHead model, TrunkInput input, Func<string, Tensor?> read, SafetensorsFile golden, Tensor mask, List<string> differences)
    {
        ForwardContext pass = ForwardContext.Evaluation();
        if (head == "base")
        {
            Tensor hidden = model.Trunk.Hidden(input, pass);
            Compare(differences, "last_hidden_state", golden.Read("outputs.last_hidden_state"), hidden, mask);
            Tensor? pooled = model.Pooled(input, pass);
            bool hasPooler = golden.Tensors.ContainsKey("outputs.pooler_output");
            if (hasPooler != pooled is not null) differences.Add($"pooler: {pooled is not null} instead of {hasPooler}");
            else if (pooled is not null) Compare(differences, "pooler_output", golden.Read("outputs.pooler_output"), pooled, null);
            return ((hidden - read("target")!).Squared() * mask.unsqueeze(2)).mean();
        }
        Tensor logits = model.Logits(input, pass);
        if (head == "qa")
        {
            Tensor start = logits.select(2, 0), end = logits.select(2, 1);
            Compare(differences, "start_logits", golden.Read("outputs.start_logits"), start, mask);
            Compare(differences, "end_logits", golden.Read("outputs.end_logits"), end, mask);
            long length = start.shape[1];
            Tensor Side(Tensor scores, string name) => nn.functional.cross_entropy(scores, read(name)!.clamp(Held(0), Held(length)), ignore_index: length);
            return Side(start, "start_positions").Plus(Side(end, "end_positions")) / Held(2);
        }
        Compare(differences, "logits", golden.Read("outputs.logits"), logits, logits.dim() == 3 ? mask : null);
        Tensor labels = read("labels")!;
        return head switch
        {
            "seqcls" => nn.functional.cross_entropy(logits, labels),
            "multilabel" => nn.functional.binary_cross_entropy_with_logits(logits, labels),
            "clm" => nn.functional.cross_entropy(logits.narrow(1, 0, logits.shape[1] - 1).reshape(-1, logits.shape[2]), labels.narrow(1, 1, labels.shape[1] - 1).reshape(-1), ignore_index: -100),
            "regression" => nn.functional.mse_loss(logits.squeeze(), labels.squeeze()),
            _ => nn.functional.cross_entropy(logits.reshape(-1, logits.shape[^1]), labels.reshape(-1), ignore_index: -100),
        };
    }

    private static void Compare(List<string> differences, string name, Tensor expected, Tensor found, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        Tensor a = expected, b = found.detach();
        if (!a.shape.SequenceEqual(b.shape))
        {
            differences.Add($"{name}: shape [{string.Join(",", b.shape)}] instead of [{string.Join(",", a.shape)}]");
            return;
        }
        if (mask is not null)
        {
            Tensor real = a.dim() == 3 ? mask.unsqueeze(2) : mask;
            (a, b) = (a.where(real, torch.zeros(1)), b.where(real, torch.zeros(1)));
        }
        double difference = (a - b).abs().max().item<float>(), bound = 1e-4 * Math.Max(1, a.abs().max().item<float>());
        if (!(difference <= bound)) differences.Add($"{name}: {difference} apart; {bound} is allowed");
    }

    private static void CompareGradients(List<string> differences, OutputHead model, SafetensorsFile golden, JsonElement norms)
    {
        var parts = model.Weights.SelectMany(weight => weight.Parts.Select(part => (weight, part))).ToDictionary(pair => model.Kind == HeadKind.None ? pair.part.Name : pair.part.CheckpointName);
        foreach (JsonProperty norm in norms.EnumerateObject())
        {
            // Where the reference's module is called otherwise than its tensor in the file (GPT-NeoX), both spellings are read as one.
            if (!parts.TryGetValue(norm.Name, out (Weight Weight, WeightPart Part) pair) && !parts.TryGetValue(model.Trunk.Model.Names.Normalize(norm.Name), out pair))
            {
                differences.Add($"no weight is called '{norm.Name}'");
                continue;
            }
            using var scope = NewDisposeScope();
            Tensor? whole = pair.Weight.Value.grad;
            Tensor gradient = whole is null ? torch.zeros(1) : pair.Part.Of(whole);
            double found = gradient.norm().item<float>(), expected = norm.Value.GetDouble();
            if (!(Math.Abs(found - expected) <= Math.Max(1e-6, 1e-3 * expected))) differences.Add($"gradient norm of {norm.Name}: {found} instead of {expected}");
            if (golden.Tensors.ContainsKey("grad." + norm.Name)) Compare(differences, "grad." + norm.Name, golden.Read("grad." + norm.Name), gradient, null);
        }
    }
}
