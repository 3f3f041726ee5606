using FineTuning.Models;
using FineTuning.Text;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Further tokens in a checkpoint: old rows stay to the bit, new ones are the mean or what was given, and the model reads old texts as before.</summary>
public sealed class AddedTokenTests : IDisposable
{
    private static readonly string Checkpoint = Goldens.Starter;

    private readonly string _target = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose()
    {
        if (Directory.Exists(_target)) Directory.Delete(_target, recursive: true);
    }

    [Fact]
    public void Rows_are_added_and_old_ones_stay()
    {
        PretrainedTokenizer before = PretrainedTokenizer.Load(Checkpoint);
        using OutputHead old = OutputHead.Load(Checkpoint, HeadKind.None);
        float[] given = [.. Enumerable.Range(0, old.Trunk.Plan.EmbeddingSize).Select(i => i / 100f)];
        NewToken[] tokens = [new("<order>") { Special = true }, new("tracknumber")];
        Pretrained.AddTokens(Checkpoint, _target, tokens, new Dictionary<string, float[]> { ["tracknumber"] = given });

        PretrainedTokenizer after = PretrainedTokenizer.Load(_target);
        Assert.Equal([before.VocabularySize, before.VocabularySize + 1], after.Encode("<order>tracknumber", null, new TokenizingOptions { AddSpecialTokens = false }).Ids);
        using OutputHead widened = OutputHead.Load(_target, HeadKind.None);
        Assert.Equal(before.VocabularySize + 2, widened.Trunk.Plan.VocabularySize);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor table = old.Weights.Single(weight => weight.Name == "embeddings.token.weight").Value, wide = widened.Weights.Single(weight => weight.Name == "embeddings.token.weight").Value;
        Assert.True(Same(table, wide.narrow(0, 0, table.shape[0])));
        Assert.True(table.mean([0]).allclose(wide[table.shape[0]], atol: 1e-7));
        Assert.True(Same(tensor(given), wide[table.shape[0] + 1]));

        int[] ids = before.Encode("The parcel never arrived").Ids;
        Assert.Equal(ids, after.Encode("The parcel never arrived").Ids);
        TrunkInput Input() => new(tensor(ids.Select(id => (long)id).ToArray()).reshape(1, -1), null, null);
        Assert.True(Same(old.Trunk.Hidden(Input(), ForwardContext.Evaluation()), widened.Trunk.Hidden(Input(), ForwardContext.Evaluation())));
    }

    [Fact]
    public void A_token_that_is_there_adds_no_row()
    {
        PretrainedTokenizer before = PretrainedTokenizer.Load(Checkpoint);
        Pretrained.AddTokens(Checkpoint, _target, [new NewToken("the")]);
        using OutputHead model = OutputHead.Load(_target, HeadKind.None);
        Assert.Equal(before.VocabularySize, model.Trunk.Plan.VocabularySize);
    }

    [Fact]
    public void Rows_that_do_not_fit_are_refused_and_nothing_is_written()
    {
        Assert.Throws<ArgumentException>(() => Pretrained.AddTokens(Checkpoint, _target, [new NewToken("x1")], new Dictionary<string, float[]> { ["x1"] = [1, 2] }));
        Assert.Throws<ArgumentException>(() => Pretrained.AddTokens(Checkpoint, _target, [new NewToken("x1")], new Dictionary<string, float[]> { ["x2"] = [1, 2] }));
        Assert.False(Directory.Exists(_target));
    }

    // The score of a token whose row is the mean is the mean of all scores: both are linear in the rows.
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(MaskedModels))]
    public void The_output_layer_of_a_masked_model_grows_with_the_embeddings(string family)
    {
        string folder = Goldens.Require("models", family, "mlm"), target = Directory.CreateTempSubdirectory().FullName;
        using OutputHead old = OutputHead.Load(folder, HeadKind.MaskedLanguage);
        int size = old.Trunk.Plan.VocabularySize;
        VocabularyWidening.Write(folder, target, size + 3, new Dictionary<int, float[]>());
        using OutputHead widened = OutputHead.Load(target, HeadKind.MaskedLanguage);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        TrunkInput Input() => new(tensor(new long[] { 5, 6, 7, 8 }).reshape(1, -1), null, null);
        Tensor less = old.Logits(Input(), ForwardContext.Evaluation()), more = widened.Logits(Input(), ForwardContext.Evaluation());
        Assert.True(less.allclose(more.narrow(2, 0, size), atol: 1e-6));
        Assert.True(less.mean([2]).allclose(more.select(2, size + 2), atol: 1e-5));
        Directory.Delete(target, recursive: true);
    }

    private static bool Same(Tensor first, Tensor second) => first.eq(second).all().item<bool>();

    public static TheoryData<string> MaskedModels()
    {
        var names = new TheoryData<string>();
        if (Goldens.Folder("models") is not { } root) return names;
        foreach (string family in Directory.GetDirectories(root).Where(family => Directory.Exists(Path.Combine(family, "mlm"))).Order(StringComparer.Ordinal)) names.Add(Path.GetFileName(family));
        return names;
    }
}
