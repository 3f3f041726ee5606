using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>A model and a padded batch for it: each encoder of the goldens with each of its heads, and configurations that no golden has.</summary>
internal sealed class ModelCase
{
    public static readonly IReadOnlyDictionary<string, HeadKind> Heads = new Dictionary<string, HeadKind>
    {
        ["base"] = HeadKind.None,
        ["seqcls"] = HeadKind.SequenceClassification,
        ["multilabel"] = HeadKind.SequenceClassification,
        ["regression"] = HeadKind.SequenceClassification,
        ["tokcls"] = HeadKind.TokenClassification,
        ["qa"] = HeadKind.QuestionAnswering,
        ["mlm"] = HeadKind.MaskedLanguage,
        ["clm"] = HeadKind.CausalLanguage,
        ["seq2seq"] = HeadKind.SequenceToSequence,
    };

    // What laws over one row of ids are run on; an encoder-decoder has its own.
    private static readonly string[] OneText = [.. Heads.Keys.Where(head => head != "seq2seq")];

    private const string Sizes = """ "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24, "initializer_range": 0.3 """;

    private static readonly Dictionary<string, string> Variants = new()
    {
        ["albert in groups of two layers"] = """ "model_type": "albert", "embedding_size": 8, "num_hidden_groups": 2, "inner_group_num": 2, "pad_token_id": 0 """,
        ["deberta with convolution"] = """
            "model_type": "deberta-v2", "relative_attention": true, "pos_att_type": ["c2p", "p2c"], "share_att_key": true, "position_buckets": 4, "max_position_embeddings": 40,
            "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3, "conv_act": "gelu", "conv_groups": 2, "position_biased_input": false, "pad_token_id": 0
            """,
        ["deberta with own position keys"] = """
            "model_type": "deberta-v2", "relative_attention": true, "pos_att_type": "p2c|c2p", "position_buckets": -1, "max_relative_positions": 6, "max_position_embeddings": 40,
            "embedding_size": 8, "type_vocab_size": 2, "pad_token_id": 0
            """,
        ["deberta with content to position alone"] = """ "model_type": "deberta-v2", "relative_attention": true, "pos_att_type": ["c2p"], "max_position_embeddings": 40, "legacy": false """,
        ["deberta without relative positions"] = """ "model_type": "deberta-v2", "max_position_embeddings": 40 """,
        ["electra with narrow embeddings"] = """ "model_type": "electra", "embedding_size": 8, "max_position_embeddings": 40, "pad_token_id": 0 """,
        ["electra with wide embeddings"] = """ "model_type": "electra", "embedding_size": 16, "max_position_embeddings": 40, "pad_token_id": 0, "hidden_act": "relu" """,
        ["mpnet with its bias"] = """ "model_type": "mpnet", "max_position_embeddings": 42, "pad_token_id": 1 """,
        ["camembert"] = """ "model_type": "camembert", "max_position_embeddings": 42, "type_vocab_size": 2, "pad_token_id": 1 """,
        ["modernbert in the mean with biases"] = """
            "model_type": "modernbert", "classifier_pooling": "mean", "norm_bias": true, "attention_bias": true, "mlp_bias": true, "classifier_bias": true, "decoder_bias": false,
            "tie_word_embeddings": false, "local_attention": 4, "global_attn_every_n_layers": 2, "pad_token_id": 0
            """,
    };

    private ModelCase(string folder, string? configuration, HeadKind head, Tensor ids, Tensor? types, Tensor mask) =>
        (Folder, Configuration, Head, Ids, Types, Mask) = (folder, configuration, head, ids, types, mask);

    public string Folder { get; }

    public string? Configuration { get; }

    public HeadKind Head { get; }

    public Tensor Ids { get; }

    public Tensor? Types { get; }

    public Tensor Mask { get; }

    public int[] Lengths => [.. Mask.sum(1).data<long>().Select(length => (int)length)];

    public static TheoryData<string, string> FromGoldens()
    {
        var cases = new TheoryData<string, string>();
        foreach ((string family, string head) in Folders()) cases.Add(family, head);
        return cases;
    }

    public static TheoryData<string, string> All() => All(OneText);

    /// <summary>All cases with one of some heads.</summary>
    public static TheoryData<string, string> All(params string[] wanted)
    {
        var cases = new TheoryData<string, string>();
        foreach ((string family, string head) in Folders().Where(folder => wanted.Contains(folder.Head))) cases.Add(family, head);
        foreach (string name in Variants.Keys)
        {
            foreach (string head in wanted.Where(head => head is not ("multilabel" or "regression" or "clm" or "seq2seq"))) cases.Add(name, head);
        }
        return cases;
    }

    /// <summary>The case of that name; its tensors belong to the current dispose scope.</summary>
    public static ModelCase Open(string family, string head)
    {
        if (Variants.TryGetValue(family, out string? variant)) return OpenVariant($"{{ {variant}, {Sizes} }}", Heads[head]);
        string folder = Goldens.Require("models", family, head);
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        Tensor? types = golden.Tensors.ContainsKey("inputs.token_type_ids") ? golden.Read("inputs.token_type_ids") : null;
        return new(folder, null, Heads[head], golden.Read("inputs.input_ids"), types, golden.Read("inputs.attention_mask").to(ScalarType.Bool));
    }

    public OutputHead Load(ModelLoadOptions? options = null)
    {
        if (Configuration is null) return OutputHead.Load(Folder, Head, Math.Max(1, OutputHead.ReadLabels(Folder).Count), options);
        OutputHead model = OutputHead.Create(Configuration, Head, 3, options);
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        using var generator = new Generator(7);
        // Fresh biases are 0 and fresh gains 1: that would hide most mistakes.
        foreach (Weight weight in model.Weights) weight.Value.add_(randn(weight.Value.shape, ScalarType.Float32, generator: generator), Held(0.2f));
        return model;
    }

    public TrunkInput Input() => new(Ids, Types, Mask);

    /// <summary>What a decoder of an encoder-decoder reads: the targets, one to the right.</summary>
    public static Tensor ShiftedRight(Tensor labels, TrunkPlan plan)
    {
        Tensor start = full([labels.shape[0], 1], Held(plan.DecoderStartTokenId!.Value), ScalarType.Int64);
        Tensor shifted = cat([start, labels.narrow(1, 0, labels.shape[1] - 1)], 1);
        return shifted.masked_fill(shifted.eq(Held(-100)), Held(plan.PadTokenId!.Value));
    }

    /// <summary>The head's scores, or the hidden states where there is no head.</summary>
    public static Tensor Output(OutputHead model, TrunkInput input, ForwardContext context) =>
        model.Kind == HeadKind.None ? model.Trunk.Hidden(input, context) : model.Logits(input, context);

    /// <summary>What the trunk reads where a head reads a text: an encoder-decoder's classifier reads it on both sides.</summary>
    public static TrunkInput ForTrunk(OutputHead model, TrunkInput input) =>
        model.Trunk.Plan is { Encoder: not null, Decoder: not null } plan ? input.ForBothSides(plan.DecoderStartTokenId!.Value) : input;

    private static ModelCase OpenVariant(string configuration, HeadKind head)
    {
        using var generator = new Generator(3);
        Tensor places = Range(0, 14).unsqueeze(0), lengths = tensor(new long[] { 14, 5, 12 }).unsqueeze(1);
        Tensor mask = places.lt(lengths);
        Tensor ids = randint(3, 60, [3, 14], ScalarType.Int64, generator: generator) * mask.to(ScalarType.Int64);
        return new("", configuration, head, ids, randint(0, 2, [3, 14], ScalarType.Int64, generator: generator), mask);
    }

    private static IEnumerable<(string Family, string Head)> Folders()
    {
        if (Goldens.Folder("models") is not { } root) yield break;
        foreach (string family in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            foreach (string head in Directory.GetDirectories(family).Order(StringComparer.Ordinal))
            {
                if (Heads.ContainsKey(Path.GetFileName(head)) && ModelFamilies.Supports(head)) yield return (Path.GetFileName(family), Path.GetFileName(head));
            }
        }
    }
}
