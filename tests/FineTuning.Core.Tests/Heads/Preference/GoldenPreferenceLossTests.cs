using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Preference;

/// <summary>Preference losses, their gradients and rewards against the reference trainers.</summary>
public sealed class GoldenPreferenceLossTests
{
    public static TheoryData<int> Lines()
    {
        string? folder = Goldens.Folder("preference");
        string path = Path.Combine(folder ?? "", "losses.jsonl");
        return folder is null || !File.Exists(path) ? [] : [.. Enumerable.Range(0, File.ReadLines(path).Count())];
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Lines), DisableDiscoveryEnumeration = true)]
    public void Equals_the_reference(int line)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadLines(Path.Combine(Goldens.Require("preference"), "losses.jsonl")).ElementAt(line));
        JsonElement test = json.RootElement;
        string kind = test.GetProperty("kind").GetString()!;
        using var scope = NewDisposeScope();
        switch (kind)
        {
            case "kto":
                Unpaired(test);
                break;
            case "reward":
                Reward(test);
                break;
            case "gkd":
                Distillation(test);
                break;
            default:
                Pairs(test, kind);
                break;
        }
    }

    private static void Pairs(JsonElement test, string kind)
    {
        JsonElement given = test.GetProperty("params");
        (Tensor logs, Tensor mask) = (Matrix(test.GetProperty("logps")).requires_grad_(true), Mask(test));
        Tensor? reference = test.TryGetProperty("ref_chosen_logps", out JsonElement chosen) ? cat([Vector(chosen), Vector(test.GetProperty("ref_rejected_logps"))], 0) : null;
        PreferenceScores scores = PreferenceScores.Of(logs, mask, reference, Number(given, "ld_alpha"));
        if (test.TryGetProperty("log_sum_sq_probs", out JsonElement squares)) scores = scores with { Weights = PreferenceScores.ProbabilityWeights(logs, Matrix(squares), mask) };
        var loss = (PairLoss)LossOf(kind, given);
        var violations = new List<string>();
        loss.CollectViolations(violations);
        Assert.Empty(violations);
        Assert.Equal(kind is "dpo" or "cdpo" && LossNames(given) is not ["sft"], loss.NeedsReference);

        Tensor pairs = loss.PerPair(scores);
        if (test.TryGetProperty("per_example", out JsonElement each) && each.ValueKind == JsonValueKind.Array) Near(each, pairs, "a pair");
        Near(test.GetProperty("loss").GetDouble(), pairs.mean().item<float>(), "the loss");
        pairs.mean().backward();
        Gradients(test, logs, mask);
        Rewards(test, kind, loss.Rewards(scores));
    }

    private static void Rewards(JsonElement test, string kind, (Tensor Chosen, Tensor Rejected) rewards)
    {
        if (kind is "cpo" or "simpo" or "orpo")
        {
            Near(test.GetProperty("chosen_rewards"), rewards.Chosen, "a chosen reward");
            Near(test.GetProperty("rejected_rewards"), rewards.Rejected, "a rejected reward");
        }
        if (!test.TryGetProperty("metrics", out JsonElement metrics) || LossNames(test.GetProperty("params")) is ["sft"]) return;
        var accumulator = new PreferenceAccumulator();
        accumulator.Add(0, rewards.Chosen.data<float>().ToArray(), rewards.Rejected.data<float>().ToArray());
        MetricReport report = accumulator.Report();
        Near(metrics.GetProperty("rewards/chosen").GetDouble(), report["rewards_chosen"], "rewards_chosen");
        Near(metrics.GetProperty("rewards/rejected").GetDouble(), report["rewards_rejected"], "rewards_rejected");
        Near(metrics.GetProperty("rewards/margins").GetDouble(), report["rewards_margin"], "rewards_margin");
        Near(metrics.GetProperty("rewards/accuracies").GetDouble(), report["rewards_accuracy"], "rewards_accuracy");
    }

    private static void Unpaired(JsonElement test)
    {
        JsonElement given = test.GetProperty("params");
        (Tensor logs, Tensor mask) = (Matrix(test.GetProperty("logps")).requires_grad_(true), Mask(test));
        double beta = Number(given, "beta")!.Value;
        var loss = (UnpairedLoss)(given.GetProperty("loss_type").GetString() == "kto"
            ? PreferenceLoss.Kto(beta, Number(given, "desirable_weight") ?? 1, Number(given, "undesirable_weight") ?? 1)
            : PreferenceLoss.ApoZeroUnpaired(beta));
        Tensor desirable = tensor(test.GetProperty("labels").EnumerateArray().Select(label => label.GetBoolean() ? 1f : 0).ToArray());
        var scores = new UnpairedScores((logs * mask).sum(1), Vector(test.GetProperty("ref_logps")), desirable, Vector(test.GetProperty("kl_logps")), Vector(test.GetProperty("ref_kl_logps")));
        Tensor mean = loss.PerRow(scores).mean();
        Near(test.GetProperty("loss").GetDouble(), mean.item<float>(), "the loss");
        mean.backward();
        Gradients(test, logs, mask);
        JsonElement metrics = test.GetProperty("metrics");
        if (loss.NeedsMismatched) Near(metrics.GetProperty("kl").GetDouble(), KtoLoss.Shift(scores).item<float>(), "kl");
        if (metrics.TryGetProperty("rewards/chosen", out JsonElement reward)) Near(reward.GetDouble(), (loss.Rewards(scores) * desirable).sum().item<float>() / desirable.sum().item<float>(), "rewards/chosen");
    }

    private static void Reward(JsonElement test)
    {
        (Tensor chosen, Tensor rejected) = (Vector(test.GetProperty("rewards_chosen")).requires_grad_(true), Vector(test.GetProperty("rewards_rejected")).requires_grad_(true));
        Tensor? margin = test.GetProperty("margin") is { ValueKind: JsonValueKind.Array } values ? Vector(values) : null;
        Tensor mean = RewardLoss.PerPair(chosen, rejected, margin, Number(test.GetProperty("params"), "center_rewards_coefficient") ?? 0).mean();
        Near(test.GetProperty("loss").GetDouble(), mean.item<float>(), "the loss");
        mean.backward();
        Near(test.GetProperty("grad_chosen"), chosen.grad!, "a gradient");
        Near(test.GetProperty("grad_rejected"), rejected.grad!, "a gradient");
    }

    // A teacher's distributions: the mean over the tokens that are learned.
    private static void Distillation(JsonElement test)
    {
        JsonElement given = test.GetProperty("params");
        long[] labels = [.. Flat(test.GetProperty("labels")).Select(label => (long)label)];
        long words = test.GetProperty("student_logits")[0][0].GetArrayLength();
        Tensor Scores(string name) => tensor(Flat(test.GetProperty(name)).Select(value => (float)value).ToArray(), [labels.Length, words]);
        Tensor student = Scores("student_logits").requires_grad_(true), learned = tensor(labels.Select(label => label == -100 ? 0f : 1).ToArray());
        Tensor tokens = GeneralizedDivergence.PerToken(student, Scores("teacher_logits"), Number(given, "beta")!.Value, Number(given, "temperature")!.Value);
        Tensor mean = (tokens * learned).sum() / learned.sum();
        Near(test.GetProperty("loss").GetDouble(), mean.item<float>(), "the loss");
        mean.backward();
        Near(test.GetProperty("grad_student"), student.grad!, "a gradient");
    }

    private static PreferenceLoss<PreferencePair> LossOf(string kind, JsonElement given)
    {
        double beta = Number(given, "beta")!.Value, smoothing = Number(given, "label_smoothing") ?? 0;
        if (kind == "cdpo") return PreferenceLoss.Dpo(beta, smoothing);
        if (kind == "orpo") return PreferenceLoss.Orpo(beta);
        if (kind == "simpo") return PreferenceLoss.SimPo(beta, Number(given, "simpo_gamma")!.Value, smoothing, Number(given, "alpha") ?? 0);
        string[] names = LossNames(given);
        if (kind == "cpo")
        {
            return names[0] switch
            {
                "sigmoid" => PreferenceLoss.Cpo(beta, smoothing, 0),
                "hinge" => PreferenceLoss.CpoHinge(beta, 0),
                "ipo" => PreferenceLoss.CpoIdentity(beta, 0),
                var other => throw new NotSupportedException(other),
            };
        }
        if (names.Length == 1) return Named(names[0], given, beta, smoothing);
        double[] weights = given.TryGetProperty("loss_weights", out JsonElement list) ? [.. list.EnumerateArray().Select(weight => weight.GetDouble())] : [.. names.Select(_ => 1.0)];
        return PreferenceLoss.Combined([.. names.Select((name, i) => (Named(name, given, beta, smoothing), weights[i]))]);
    }

    private static PreferenceLoss<PreferencePair> Named(string name, JsonElement given, double beta, double smoothing)
    {
        double alpha = Number(given, "f_alpha_divergence_coef") ?? 1;
        PolicyDivergence divergence = (given.TryGetProperty("f_divergence_type", out JsonElement type) ? type.GetString() : null) switch
        {
            "forward_kl" => PolicyDivergence.ForwardKullbackLeibler,
            "js_divergence" => PolicyDivergence.JensenShannon,
            "alpha_divergence" => PolicyDivergence.Alpha,
            _ => PolicyDivergence.ReverseKullbackLeibler,
        };
        return name switch
        {
            // The reference's trainer ignores smoothing here; the cases of the paper (cdpo) have it.
            "sigmoid" => PreferenceLoss.Dpo(beta, 0, divergence, alpha),
            "sigmoid_norm" => PreferenceLoss.NormalizedDpo(beta, 0, divergence, alpha),
            "hinge" => PreferenceLoss.Hinge(beta, divergence, alpha),
            "ipo" => PreferenceLoss.Ipo(beta, divergence, alpha),
            "robust" => PreferenceLoss.Robust(beta, smoothing, divergence, alpha),
            "exo_pair" => PreferenceLoss.Exo(beta, smoothing, divergence, alpha),
            "discopop" => PreferenceLoss.DiscoPop(beta, Number(given, "discopop_tau") ?? 0.05, divergence, alpha),
            "nca_pair" => PreferenceLoss.Nca(beta),
            "bco_pair" => PreferenceLoss.Bco(beta),
            "sppo_hard" => PreferenceLoss.Sppo(beta),
            "aot" => PreferenceLoss.Aot(beta, smoothing),
            "aot_unpaired" => PreferenceLoss.AotUnpaired(beta, smoothing),
            "apo_zero" => PreferenceLoss.ApoZero(beta),
            "apo_down" => PreferenceLoss.ApoDown(beta),
            "sft" => PreferenceLoss.Likelihood(),
            _ => throw new NotSupportedException(name),
        };
    }

    private static string[] LossNames(JsonElement given) => !given.TryGetProperty("loss_type", out JsonElement type) ? []
        : type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(name => name.GetString()!)] : [type.GetString()!];

    private static void Gradients(JsonElement test, Tensor logs, Tensor mask)
    {
        float[] own = logs.grad!.data<float>().ToArray(), counts = mask.data<float>().ToArray();
        double[] expected = [.. Flat(test.GetProperty("grad_logps"))];
        for (int i = 0; i < own.Length; i++)
        {
            if (counts[i] > 0) Near(expected[i], own[i], $"the gradient of entry {i}");
        }
    }

    private static void Near(JsonElement expected, Tensor own, string what)
    {
        foreach ((double theirs, float ours) in Flat(expected).Zip(own.data<float>().ToArray())) Near(theirs, ours, what);
    }

    private static void Near(double expected, double own, string what) =>
        Assert.True(Math.Abs(expected - own) <= 2e-6 + (1e-5 * Math.Abs(expected)), $"{what} is {own} instead of {expected}");

    private static Tensor Mask(JsonElement test) => Matrix(test.GetProperty("completion_mask")).narrow(1, 1, test.GetProperty("logps")[0].GetArrayLength()).contiguous();

    private static Tensor Matrix(JsonElement rows) => tensor(Flat(rows).Select(value => (float)value).ToArray(), [rows.GetArrayLength(), rows[0].GetArrayLength()]);

    private static Tensor Vector(JsonElement values) => tensor(Flat(values).Select(value => (float)value).ToArray());

    private static IEnumerable<double> Flat(JsonElement value) => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().SelectMany(Flat) : [value.GetDouble()];

    private static double? Number(JsonElement given, string name) => given.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
