using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Tests.Models;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Generation;

/// <summary>What must hold of a model that writes token by token, for every decoder and encoder-decoder that has goldens.</summary>
public sealed class DecodingLawTests
{
    private const double Rounding = 5e-5;

    public static TheoryData<string> Families() => GoldenModel.Families();

    public static TheoryData<string> Decoders() => [.. ModelCase.All("clm").Select(row => (string)row.Data.Item1).Distinct()];

    public static TheoryData<string, string> Writers() => ModelCase.All("clm", "seq2seq");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void A_beginning_that_is_shared_changes_nothing(string family)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, "clm");
        using OutputHead model = data.Load();
        int[] text = Text(data, 0), other = [.. text.AsSpan(0, 7), .. Text(data, 1)];
        using var shared = new SharedPrompt(model, [.. text.AsSpan(0, 9), 3, 4], Precision.Float32, _ => { });
        using var none = new SharedPrompt(model, [other[^1], 2], Precision.Float32, _ => { });
        foreach (int[][] prompts in new[] { [text], [text, text], [text[..5]], new[] { text, other } })
        {
            int width = prompts.Max(prompt => prompt.Length);
            int[][] rows = [.. prompts.Select(prompt => (int[])[.. new int[width - prompt.Length], .. prompt])];
            int[] padding = [.. prompts.Select(prompt => width - prompt.Length)];
            using var plain = new TrunkScoreSource(model);
            using var sharing = new TrunkScoreSource(model) { Known = [none, shared] };
            Same(plain, sharing, rows, padding, (int)model.Outputs);
        }
        // It is computed anew where the weights have changed.
        model.Weights.Exclusively(() => model.Trunk.TokenTable.Weight.Value.mul_(Held(1.5)));
        using var changed = new TrunkScoreSource(model);
        using var again = new TrunkScoreSource(model) { Known = [shared] };
        Same(changed, again, [text], [0], (int)model.Outputs);
        shared.Dispose();
        Same(changed, again, [text], [0], (int)model.Outputs);
    }

    [Fact]
    public void Nothing_is_kept_of_weights_that_a_run_has_changed()
    {
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Create("""
            {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40,
             "max_position_embeddings": 64, "initializer_range": 0.3}
            """, HeadKind.CausalLanguage);
        int size = (int)model.Outputs;
        int[] text = [5, 6, 7, 8, 9];
        float[] expected = new float[size], found = new float[size];
        using var shared = new SharedPrompt(model, [5, 6, 7, 8], Precision.Float32, _ => { });
        using var plain = new TrunkScoreSource(model);
        using var sharing = new TrunkScoreSource(model) { Known = [shared] };
        using var going = new TrunkScoreSource(model);
        using (RunPass run = RunPass.Register(model.Weights))
        {
            // A run that still reads its data lets others in.
            Same(plain, sharing, [text], [0], size);
            going.Start([text], [0], found);
            run.Begin(model.Weights, TestContext.Current.CancellationToken);
            for (int step = 0; step < 2; step++)
            {
                using (no_grad()) model.Trunk.TokenTable.Weight.Value.mul_(Held(1.5));
                Same(plain, sharing, [text], [0], size);
            }
        }
        Same(plain, sharing, [text], [0], size);
        going.Next([3], [0], found);
        plain.Start([[.. text, 3]], [0], expected);
        Near(expected, found);
    }

    [Fact]
    public void A_beginning_is_found_where_prompts_begin_with_it()
    {
        using var scope = NewDisposeScope();
        using OutputHead model = OutputHead.Create("""
            {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40, "max_position_embeddings": 64}
            """, HeadKind.CausalLanguage);
        using var shared = new SharedPrompt(model, [5, 6, 7, 8], Precision.Float32, _ => { });
        Assert.Equal(4, shared.CommonTokens([[5, 6, 7, 8, 9]], [0]));
        Assert.Equal(3, shared.CommonTokens([[5, 6, 7, 8]], [0]));
        Assert.Equal(2, shared.CommonTokens([[5, 6, 7, 9], [0, 5, 6, 1]], [0, 1]));
        Assert.Equal(0, shared.CommonTokens([[6, 7, 8]], [0]));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void A_beam_of_one_is_greedy_and_a_row_of_a_batch_is_the_row_alone(string family)
    {
        GoldenModel golden = GoldenModel.Require(family);
        int[][] prompts = [[5, 9, 7, 8, 6], [7, 5, 6], [9, 8, 8, 5, 6, 7, 5, 9]];
        var options = new GenerationOptions { MaxNewTokens = 12, EosTokenId = [1], DecoderStartTokenId = 2, EarlyStopping = EarlyStopping.AtOnce, PadTokenId = 0 };
        IReadOnlyList<Generated> greedy = Run(golden, options, prompts, beams: false);
        Assert.Equal(greedy.Select(text => text.Tokens), Run(golden, options, prompts, beams: true).Select(text => text.Tokens));
        for (int row = 0; row < prompts.Length; row++) Assert.Equal(greedy[row].Tokens, Run(golden, options, [prompts[row]], beams: false)[0].Tokens);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Writers))]
    public void Half_precision_writes_step_by_step_what_it_reads_at_once(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        foreach (Precision? kept in new Precision?[] { null, Precision.BFloat16 })
        {
            using OutputHead model = data.Load(new ModelLoadOptions { FrozenPrecision = kept });
            Tensor? memory = head == "clm" ? null : model.Trunk.Encode(data.Input(), ForwardContext.Evaluation(Precision.BFloat16)), read = memory is null ? null : data.Mask;
            Tensor ids = data.Ids.masked_fill(data.Mask.logical_not(), Held(3L));
            using var casts = new WeightCasts(model.Weights);
            ForwardContext context = ForwardContext.Decoding(Precision.BFloat16, casts);
            Tensor exact = model.Logits(new(ids) { Memory = memory, MemoryMask = read }, ForwardContext.Evaluation());
            Tensor whole = model.Logits(new(ids) { Memory = memory, MemoryMask = read }, ForwardContext.Evaluation(Precision.BFloat16));
            using var cache = new DecodingCache(model.Trunk.Plan.Decoder);
            var parts = new List<Tensor>();
            for (int i = 0; i < ids.shape[1]; i++)
            {
                parts.Add(model.Logits(new(ids.narrow(1, i, 1)) { Memory = memory, MemoryMask = read, Cache = cache }, context));
            }
            // Both are as far from float32 as half the digits are: the step by step no farther than the whole, but for chance.
            double far = (whole - exact).abs().max().Number(), found = (cat(parts, 1) - exact).abs().max().Number();
            Assert.True(far > 0 && found <= 2 * far, $"{family}: {found} apart from float32 step by step, {far} at once");
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void A_layer_with_a_window_keeps_no_more_than_its_window(string family)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, "clm");
        using OutputHead model = data.Load();
        StackPlan plan = model.Trunk.Plan.Decoder!;
        int tokens = Math.Min(model.Trunk.Plan.MaximumTokens ?? 300, 300);
        Tensor ids = (Range(0, tokens) * Held(7)).remainder(Held((long)model.Outputs)).unsqueeze(0).repeat(2, 1);
        Tensor whole = model.Logits(new(ids), ForwardContext.Evaluation());
        using var cache = new DecodingCache(plan);
        var parts = new List<Tensor>();
        // A prompt, some tokens at once, then one after the other.
        long[] steps = [11, 3, .. Enumerable.Repeat(1L, tokens - 14)];
        long start = 0;
        foreach (long step in steps)
        {
            parts.Add(model.Logits(new(ids.narrow(1, start, step)) { Cache = cache }, ForwardContext.Evaluation()));
            start += step;
        }
        double difference = (whole - cat(parts, 1)).abs().max().Number(), largest = whole.abs().max().Number();
        Assert.True(difference <= Rounding * Math.Max(1, largest), $"{family}: {difference} apart");
        for (int layer = 0; layer < plan.Layers.Count; layer++)
        {
            long least = plan.Layers[layer].Attention.Window is { } window ? Math.Min(tokens, window.Before) : tokens;
            Assert.InRange(cache.RoomOf(layer), least, Math.Max(192, 3 * least));
        }
    }

    private static void Same(TrunkScoreSource plain, TrunkScoreSource other, int[][] rows, int[] padding, int size)
    {
        float[] expected = new float[rows.Length * size], found = new float[rows.Length * size];
        plain.Start(rows, padding, expected);
        other.Start(rows, padding, found);
        Near(expected, found);
        for (int step = 0; step < 4; step++)
        {
            int[] tokens = [.. rows.Select((_, row) => 3 + row + step)], parents = [.. rows.Select((_, row) => step == 2 ? rows.Length - 1 - row : row)];
            plain.Next(tokens, parents, expected);
            other.Next(tokens, parents, found);
            Near(expected, found);
        }
    }

    private static void Near(float[] expected, float[] found)
    {
        double largest = expected.Max(Math.Abs), difference = expected.Zip(found, (one, two) => Math.Abs(one - two)).Max();
        Assert.True(difference <= Rounding * Math.Max(1, largest), $"{difference} apart of {largest}");
    }

    private static IReadOnlyList<Generated> Run(GoldenModel golden, GenerationOptions options, int[][] prompts, bool beams)
    {
        int width = prompts.Max(prompt => prompt.Length);
        int[][] rows = [.. prompts.Select(prompt => golden.IsEncoderDecoder ? (int[])[.. prompt, .. new int[width - prompt.Length]] : [.. new int[width - prompt.Length], .. prompt])];
        bool[][] mask = [.. prompts.Select((prompt, row) => rows[row].Select((_, i) => golden.IsEncoderDecoder ? i < prompt.Length : i >= width - prompt.Length).ToArray())];
        IReadOnlyList<SearchPrompt> starts = golden.IsEncoderDecoder ? PromptRows.ForEncoderDecoder(rows, null, options.DecoderStartTokenId)
            : PromptRows.ForDecoder(rows, mask, options.PadTokenId, options.EosTokenId!);
        using IScoreSource source = golden.Open(golden.IsEncoderDecoder ? rows : null, golden.IsEncoderDecoder ? mask : null);
        var request = new SearchRequest(starts, GenerationSettings.Of(options, golden.Bounds(starts)));
        return beams ? new BeamSearch(source, request, ProcessorChain.Of(request.Settings)).Run(TestContext.Current.CancellationToken) : TokenSearch.Run(source, request);
    }

    private static int[] Text(ModelCase data, int row) => [.. data.Ids[row].narrow(0, 0, data.Lengths[row]).data<long>().Select(id => (int)id)];
}
