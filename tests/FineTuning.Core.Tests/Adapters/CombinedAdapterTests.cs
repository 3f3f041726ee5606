using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Adapters;

/// <summary>Weighted combinations of adapters, as PEFT makes them.</summary>
public sealed class CombinedAdapterTests
{
    public static TheoryData<string> Cases()
    {
        var cases = new TheoryData<string>();
        if (Goldens.Folder("peft", "combine") is not { } folder) return cases;
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
        foreach (JsonProperty own in golden.RootElement.GetProperty("combinations").EnumerateObject()) cases.Add(own.Name);
        return cases;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Factors_and_logits_equal_the_reference(string name)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var own = new CombineCase();
        JsonElement expected = own.Expected.GetProperty("combinations").GetProperty(name);
        string kind = expected.GetProperty("combination_type").GetString()!;
        var combination = new AdapterCombination
        {
            Kind = kind switch
            {
                "linear" => CombinationKind.Linear, "cat" => CombinationKind.Concatenated, "svd" => CombinationKind.Decomposed,
                "magnitude_prune" => CombinationKind.Pruned, "magnitude_prune_svd" => CombinationKind.PrunedDecomposed, "ties" => CombinationKind.Ties,
                "ties_svd" => CombinationKind.TiesDecomposed, "dare_linear" => CombinationKind.Dare, "dare_ties" => CombinationKind.DareTies,
                _ => throw new InvalidDataException(kind),
            },
            Density = expected.TryGetProperty("density", out JsonElement density) ? density.GetDouble() : 0.5,
            Rank = expected.TryGetProperty("svd_rank", out JsonElement rank) ? rank.GetInt32() : null,
            CountsSigns = expected.TryGetProperty("majority_sign_method", out JsonElement method) && method.GetString() == "frequency",
        };
        (string, double)[] parts = [.. expected.GetProperty("adapters").EnumerateArray().Zip(expected.GetProperty("weights").EnumerateArray(),
            (adapter, weight) => (adapter.GetString()!, weight.GetDouble()))];
        own.Adapters.Combine("combined", combination, (path, part, _) =>
        {
            string[] words = part.Split('.', 2);
            return own.Golden.Read($"{name}.mask.{words[0]}.{words[1]}.{path}");
        }, parts);
        BuiltAdapter built = own.Adapters.Current!;
        Assert.Equal(expected.GetProperty("modules").EnumerateArray().Select(path => path.GetString()!).Order(StringComparer.Ordinal),
            built.Paths.Order(StringComparer.Ordinal));
        for (int i = 0; i < built.Linears.Count; i++)
        {
            var linear = (LoraLinear)built.Linears[i];
            Assert.Equal(expected.GetProperty("r").GetInt64(), linear.A.shape[0]);
            Assert.Equal(1, linear.Scale);
            foreach ((string factor, Tensor value) in new[] { ("A", linear.A), ("B", linear.B), ("delta", linear.Delta()!) })
            {
                string key = $"{name}.{factor}.{built.Paths[i]}";
                if (own.Golden.Tensors.ContainsKey(key)) Assert.InRange(AdapterCase.Apart(value, own.Golden.Read(key)), 0, 1e-5);
            }
            if (expected.TryGetProperty("delta_norms", out JsonElement norms) && norms.TryGetProperty(built.Paths[i], out JsonElement norm))
                Assert.Equal(norm.GetDouble(), linear.Delta()!.norm().item<float>(), norm.GetDouble() * 1e-5);
        }
        if (own.Golden.Tensors.ContainsKey(name + ".logits")) own.Compare(name + ".logits");
    }

    [Fact]
    public void Concatenated_with_weight_1_is_all_adapters_at_once()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var own = new CombineCase();
        foreach (string[] names in new string[][] { ["one"], ["one", "two"], ["one", "two", "wide"] })
        {
            string together = string.Join('+', names);
            own.Adapters.Combine(together + " at once", new() { Kind = CombinationKind.Concatenated }, [.. names.Select(name => (name, 1.0))]);
            own.Compare("logits." + together);
            if (names.Length != 2) continue;
            own.Adapters.Merge();
            own.Compare("logits.merged." + together);
            own.Adapters.Unmerge();
        }
    }

    [Fact]
    public void Draws_follow_the_seed_alone()
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var own = new CombineCase();
        foreach ((string name, long seed) in new[] { ("a", 1L), ("b", 1L), ("c", 2L) })
            own.Adapters.Combine(name, new() { Kind = CombinationKind.Dare, Seed = seed }, ("one", 0.5), ("two", 0.5));
        Tensor Of(string name)
        {
            own.Adapters.Use(name);
            return own.Logits();
        }
        Tensor first = Of("a"), again = Of("b"), other = Of("c");
        Assert.True(first.eq(again).all().item<bool>());
        Assert.False(first.eq(other).all().item<bool>());
    }

    [Fact]
    public void What_cannot_be_combined_is_named()
    {
        using var own = new CombineCase();
        own.Adapters.Add(Adapter.Dora(4).On(l => l.Named("q_proj")), "dora");
        InvalidOptionsException all = Assert.Throws<InvalidOptionsException>(() => own.Adapters.Combine("new",
            new() { Density = 0, Rank = 3 }, ("dora", 1), ("one", double.NaN), ("one", 1)));
        Assert.Equal(5, all.Violations.Count);
        Assert.Contains("q_proj", Assert.Throws<InvalidOptionsException>(() => own.Adapters.Combine("new", new(), ("one", 1), ("wide", 1))).Message,
            StringComparison.Ordinal);
        Assert.Throws<KeyNotFoundException>(() => own.Adapters.Combine("new", new(), ("none", 1)));
        Assert.Throws<InvalidOptionsException>(() => own.Adapters.Combine("one", new(), ("one", 1)));
        Assert.Equal("dora", own.Adapters.Active);
    }
}

/// <summary>goldens/peft/combine: three adapters on one model.</summary>
internal sealed class CombineCase : IDisposable
{
    private readonly SafetensorsFile _batches;

    public CombineCase()
    {
        string folder = Goldens.Require("peft", "combine");
        Expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "golden.json"))).RootElement;
        string checkpoint = Path.Combine(folder, Expected.GetProperty("base").GetString()!);
        _batches = SafetensorsFile.Open(Path.Combine(checkpoint, "batches.safetensors"));
        Golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        Head = OutputHead.Load(checkpoint, HeadKind.CausalLanguage);
        Adapters = new(Head);
        foreach (string name in new[] { "one", "two", "wide" }) Adapters.Load(Path.Combine(folder, name), name);
    }

    public JsonElement Expected { get; }

    public SafetensorsFile Golden { get; }

    public OutputHead Head { get; }

    public ModelAdapters Adapters { get; }

    public TrunkInput Input() => new(_batches.Read("input_ids").select(0, 0), null, Mask());

    public Tensor Mask() => _batches.Read("attention_mask").select(0, 0).to(ScalarType.Bool);

    public Tensor Logits(ForwardContext? context = null) => Head.Logits(Input(), context ?? ForwardContext.Evaluation()) * Mask().unsqueeze(2);

    public void Compare(string key, ForwardContext? context = null) => Assert.InRange(AdapterCase.Apart(Logits(context), Golden.Read(key)), 0, 1e-4);

    public void Dispose()
    {
        Adapters.Dispose();
        Head.Dispose();
        Golden.Dispose();
        _batches.Dispose();
    }
}
