using System.Reflection;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>Laws of every public member, found by reflection: null inside what it is given is named, a disposed object says so.</summary>
public sealed class PublicCallTests
{
    public static TheoryData<string> Owners() => [.. Surface.Members.Select(Owner).Distinct()];

    public static TheoryData<string> Disposables() => [.. Disposal.Types.Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Owners))]
    public void Null_where_it_is_forbidden_is_an_argument_error_that_names_the_member(string owner)
    {
        FineTuningRuntime.Load();
        None(Surface.Members.Where(member => Owner(member) == owner)
            .SelectMany(member => Calls.Wrong(member, variant => variant.ForbiddenNull, null)).Select(call => $"{call.Member}: {call.Arguments}: {call.Problem}"));
    }

    [Theory]
    [MemberData(nameof(Disposables))]
    public void A_disposed_object_says_so(string type)
    {
        FineTuningRuntime.Load();
        None(Disposal.Faults(Disposal.Types.Single(other => other.Name == type)));
    }

    [Fact]
    public void The_law_sees_members_that_take_records_options_and_callbacks()
    {
        var seen = new List<string>();
        foreach (string name in new[] { "TokenClassifier.Tag", "FineTuner.With(", "ChatModel.Reply(", "ModelAdapters.Add", "Pretrained.TextClassifier" })
        {
            MethodBase member = Surface.Members.First(each => Surface.Name(each).StartsWith(name, StringComparison.Ordinal));
            _ = Calls.Wrong(member, variant => variant.ForbiddenNull, seen.Add).Count();
        }
        foreach (string path in new[] { "inputs[1].Words[1]", "inputs[1].Before", "inputs[1].After[1]", "change", "turns[1].ToolCalls", "adapter.Targets", "options.Device" })
        {
            Assert.Contains(seen, call => call.StartsWith(path + " ", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Disposed_weights_let_nobody_in()
    {
        FineTuningRuntime.Load();
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        WeightSet weights = model.Weights;
        weights.Enter().Dispose();
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => weights.Enter().Dispose());
    }

    [Fact]
    public void An_accumulator_bounds_what_it_is_given()
    {
        var several = new MultiLabelAccumulator(["a", "b"], 0.5);
        Assert.Throws<ArgumentException>(() => several.Add(new float[10_000_000], new float[10_000_000]));
        Assert.Throws<ArgumentException>(() => several.Add([1, 0], [1]));
        var one = new ClassificationAccumulator(["a", "b"]);
        Assert.Throws<ArgumentException>(() => one.Add(0, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => one.Add(2, [0.5f, 0.5f]));
    }

    private static void None(IEnumerable<string> faults)
    {
        string[] all = [.. faults];
        Assert.True(all.Length == 0, string.Join("\n", all));
    }

    private static string Owner(MethodBase member) => member.DeclaringType!.Name;
}
