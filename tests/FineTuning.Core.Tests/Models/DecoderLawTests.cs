using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>What must hold of every decoder, whatever its numbers are.</summary>
public sealed class DecoderLawTests
{
    private const double Rounding = 2e-5;

    public static TheoryData<string, string> Decoders() => ModelCase.All("clm");

    public static TheoryData<string, string> Translators() => ModelCase.All("seq2seq");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void Padding_on_the_left_changes_nothing(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        const long extra = 5;
        long tokens = data.Ids.shape[1];
        for (int row = 0; row < data.Lengths.Length; row++)
        {
            long length = data.Lengths[row];
            Tensor own = data.Ids.narrow(0, row, 1).narrow(1, 0, length);
            Tensor alone = model.Logits(new(own), ForwardContext.Evaluation());
            Tensor padded = nn.functional.pad(own, [tokens + extra - length, 0], PaddingModes.Constant, 0), mask = Range(0, tokens + extra).ge(Held(tokens + extra - length)).unsqueeze(0);
            Tensor found = model.Logits(new(padded, null, mask), ForwardContext.Evaluation());
            Assert.True(found.isfinite().all().item<bool>());
            Near(alone, found.narrow(1, tokens + extra - length, length), $"row {row}");
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void A_text_in_a_packed_row_is_the_text_alone(string family, string head) => PackedIsAlone(family, head, textByText: false);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void Texts_of_a_packed_row_that_attend_one_by_one_are_the_texts_alone(string family, string head) => PackedIsAlone(family, head, textByText: true);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void A_pass_in_bfloat16_has_the_same_bits_with_gradients_and_without(string family, string head)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0 });
        Tensor Scores() => model.Logits(new(data.Ids.narrow(0, 0, 1).narrow(1, 0, data.Lengths[0])), ForwardContext.Evaluation(Precision.BFloat16));
        Tensor with = Scores().detach();
        using var gradients = no_grad();
        Assert.True(with.eq(Scores()).all().item<bool>());
    }

    [Fact]
    public void Texts_attend_one_by_one_where_that_has_fewer_scores()
    {
        using var scope = NewDisposeScope();
        Assert.NotNull(PackedTexts.WherePaying([(0, 3), (3, 3), (6, 2)], 1, 8, CPU));
        Assert.Null(PackedTexts.WherePaying([(0, 7), (7, 1)], 1, 8, CPU));
    }

    private static void PackedIsAlone(string family, string head, bool textByText)
    {
        using var scope = NewDisposeScope();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load(new ModelLoadOptions { Dropout = 0 });
        int[] lengths = data.Lengths;
        Tensor[] texts = [.. lengths.Select((length, row) => data.Ids.narrow(0, row, 1).narrow(1, 0, length))];
        Tensor positions = cat([.. lengths.Select(length => Range(0, length))], 0).unsqueeze(0);
        Tensor segments = cat([.. lengths.Select((length, row) => full([length], Held(row), ScalarType.Int64))], 0).unsqueeze(0);
        (int First, int Length)[] spans = [.. lengths.Select((length, row) => (lengths.Take(row).Sum(), length))];
        PackedTexts? apartInAttention = textByText ? PackedTexts.WherePaying(spans, 1, lengths.Sum(), CPU) : null;
        Assert.Equal(textByText, apartInAttention is not null);
        // Nothing but the texts keeps them apart there.
        if (textByText) segments = zeros_like(segments);
        var packedRow = new TrunkInput(cat(texts, 1)) { Positions = positions, Segments = segments, Texts = apartInAttention };
        Tensor together = model.Logits(packedRow, ForwardContext.Evaluation());
        Tensor apart = cat([.. texts.Select(text => model.Logits(new(text), ForwardContext.Evaluation()))], 1);
        Near(apart, together, "packed");
        Tensor chosen = Range(0, lengths.Sum() / 2) * Held(2L), states = cat([.. texts.Select(text => model.Trunk.Hidden(new(text), ForwardContext.Evaluation()))], 1);
        Near(states.squeeze(0).index_select(0, chosen), model.Trunk.Hidden(packedRow, ForwardContext.Evaluation(), WantedStates.At(chosen)), "chosen tokens");
        Assert.Throws<ArgumentException>(() => model.Logits(new(cat(texts, 1)) { Segments = segments }, ForwardContext.Evaluation()));

        together.Squared().sum().backward();
        Dictionary<string, Tensor> packed = model.Weights.ToDictionary(weight => weight.Name, weight => weight.Value.grad!.clone());
        foreach (Weight weight in model.Weights) weight.Value.grad = null;
        apart.Squared().sum().backward();
        foreach (Weight weight in model.Weights) Near(weight.Value.grad!, packed[weight.Name], weight.Name);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void A_cache_changes_nothing(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        long tokens = data.Ids.shape[1];
        // Padded on the left, as generation pads.
        Tensor ids = stack([.. data.Lengths.Select((length, row) => nn.functional.pad(data.Ids[row].narrow(0, 0, length), [tokens - length, 0], PaddingModes.Constant, 0))]);
        Tensor mask = stack([.. data.Lengths.Select(length => Range(0, tokens).ge(Held(tokens - length)))]), real = mask.unsqueeze(2);
        Tensor whole = model.Logits(new(ids, null, mask), ForwardContext.Evaluation()) * real;
        foreach (long[] steps in new[] { new[] { 5L, 4, 1, 1, tokens - 11 }, [.. Enumerable.Repeat(1L, (int)tokens)] })
        {
            using var cache = new DecodingCache();
            var parts = new List<Tensor>();
            long start = 0;
            foreach (long step in steps)
            {
                parts.Add(model.Logits(new(ids.narrow(1, start, step), null, mask.narrow(1, 0, start + step)) { Cache = cache }, ForwardContext.Evaluation()));
                start += step;
                Assert.Equal(start, cache.Length);
            }
            Near(whole, cat(parts, 1) * real, string.Join(' ', steps));
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Decoders))]
    public void The_last_real_token_alone_is_that_of_all(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        Tensor all = model.Trunk.Hidden(data.Input(), ForwardContext.Evaluation());
        Tensor last = model.Trunk.Hidden(data.Input(), ForwardContext.Evaluation(), WantedStates.LastReal);
        for (int row = 0; row < data.Lengths.Length; row++) Near(all[row, data.Lengths[row] - 1], last[row, 0], $"row {row}");
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Translators))]
    public void An_encoder_decoder_reads_its_source_once_and_its_target_step_by_step(string family, string head)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        ModelCase data = ModelCase.Open(family, head);
        using OutputHead model = data.Load();
        using var golden = SafetensorsFile.Open(Path.Combine(data.Folder, "golden.safetensors"));
        Tensor target = ModelCase.ShiftedRight(golden.Read("inputs.labels"), model.Trunk.Plan);
        Tensor whole = model.Logits(new(target) { Source = data.Input() }, ForwardContext.Evaluation());
        Tensor memory = model.Trunk.Encode(data.Input(), ForwardContext.Evaluation());
        using var cache = new DecodingCache();
        var parts = new List<Tensor>();
        for (int i = 0; i < target.shape[1]; i++)
        {
            parts.Add(model.Logits(new(target.narrow(1, i, 1)) { Memory = memory, MemoryMask = data.Mask, Cache = cache }, ForwardContext.Evaluation()));
        }
        Near(whole, cat(parts, 1), "step by step");
        for (int row = 0; row < data.Lengths.Length; row++)
        {
            var own = new TrunkInput(target.narrow(0, row, 1)) { Source = new(data.Ids.narrow(0, row, 1).narrow(1, 0, data.Lengths[row])) };
            Near(whole.narrow(0, row, 1), model.Logits(own, ForwardContext.Evaluation()), $"row {row} alone");
        }
    }

    private static void Near(Tensor expected, Tensor found, string what)
    {
        Assert.Equal(expected.shape, found.shape);
        double difference = (expected - found).abs().max().to(ScalarType.Float64).item<double>();
        double bound = Rounding * Math.Max(1, expected.abs().max().to(ScalarType.Float64).item<double>());
        Assert.True(difference <= bound, $"{what}: {difference} apart; {bound} is allowed");
    }
}
