using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Rows of tokens as tensors, with the tokens that predict and what they predict.</summary>
internal sealed class LanguageBatch : Batch
{
    private LanguageBatch(IReadOnlyList<EncodedRow> rows, int width, TrunkInput input, long[] predicting, long[] targets, float[]? weights)
        : base(rows, width)
    {
        Input = input;
        Device device = input.Ids.device;
        (Predicting, Targets) = (tensor(predicting, ScalarType.Int64, device), tensor(targets, ScalarType.Int64, device));
        Weights = weights is null ? null : tensor(weights, ScalarType.Float32, device);
        (Tokens, TargetCount) = (targets.Length, weights?.Sum(weight => (double)weight) ?? targets.Length);
    }

    public TrunkInput Input { get; }

    /// <summary>Indices in the flattened batch of the states that predict, [targets], int64.</summary>
    public Tensor Predicting { get; }

    /// <summary>The id that each predicts, [targets], int64.</summary>
    public Tensor Targets { get; }

    /// <summary>How much each counts, [targets], float32; null: 1.</summary>
    public Tensor? Weights { get; }

    /// <summary>How many tokens are predicted.</summary>
    public int Tokens { get; }

    /// <inheritdoc/>
    public override double TargetCount { get; }

    // Texts that stand in one row are not as many rows of its length.
    internal override long ComputedTokens => Input.Source is null ? Input.Ids.shape[0] * Input.Ids.shape[1] : base.ComputedTokens;

    /// <summary>Texts of a decoder, padded on the right.</summary>
    /// <param name="rows">Rows that are all <see cref="CausalRow"/>s.</param>
    /// <param name="width">Tokens a row after padding.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="device">Where the tensors go.</param>
    public static LanguageBatch OfTexts(IReadOnlyList<EncodedRow> rows, int width, int padId, Device device) =>
        Of(rows, CausalArrays.Of(rows, width, padId), device);

    /// <summary>All texts of a decoder's batch in one row without padding.</summary>
    public static LanguageBatch Flattened(IReadOnlyList<EncodedRow> rows, Device device) => Of(rows, CausalArrays.Flattened(rows), device);

    /// <summary>Sources and targets of an encoder-decoder, each side padded on the right to its own width.</summary>
    /// <param name="rows">Rows that are all <see cref="SourceTargetRow"/>s.</param>
    /// <param name="padId">The id of padding.</param>
    /// <param name="startId">The token that the decoder begins with.</param>
    /// <param name="device">Where the tensors go.</param>
    public static LanguageBatch OfPairs(IReadOnlyList<EncodedRow> rows, int padId, int startId, Device device)
    {
        if (rows.Count == 0) throw new ArgumentException("there are no rows", nameof(rows));
        SourceTargetRow[] pairs = [.. rows.Select(OwnRows.Of<SourceTargetRow>)];
        int width = pairs.Max(pair => pair.Target.Length), sourceWidth = pairs.Max(pair => pair.Source.Length);
        var sources = new long[checked(pairs.Length * sourceWidth)];
        var ids = new long[checked(pairs.Length * width)];
        Array.Fill(sources, padId);
        Array.Fill(ids, padId);
        (List<long> predicting, List<long> targets, List<float> weights) = ([], [], []);
        for (int row = 0; row < pairs.Length; row++)
        {
            SourceTargetRow pair = pairs[row];
            for (int i = 0; i < pair.Source.Length; i++) sources[(row * sourceWidth) + i] = pair.Source[i];
            for (int i = 0; i < pair.Target.Length; i++)
            {
                int index = (row * width) + i;
                ids[index] = i == 0 ? startId : pair.Target[i - 1];
                predicting.Add(index);
                targets.Add(pair.Target[i]);
                weights.Add((float)pair.Weight);
            }
        }
        int[]? lengths = pairs.Any(pair => pair.Source.Length < sourceWidth) ? [.. pairs.Select(pair => pair.Source.Length)] : null;
        TrunkInput source = TrunkInput.Create(sources, null, lengths, pairs.Length, sourceWidth, device);
        var input = new TrunkInput(tensor(ids, [pairs.Length, width], ScalarType.Int64, device)) 
            { Source = source, PadsRight = true, Lengths = [.. pairs.Select(pair => pair.Target.Length)] };
        return new(rows, Math.Max(width, sourceWidth), input, [.. predicting], [.. targets], pairs.All(pair => pair.Weight == 1) ? null : [.. weights]);
    }

    private static LanguageBatch Of(IReadOnlyList<EncodedRow> rows, CausalArrays arrays, Device device)
    {
        Tensor Matrix(long[] values) => tensor(values, [arrays.Rows, arrays.Width], ScalarType.Int64, device);
        bool isPadded = arrays.Lengths.Any(length => length < arrays.Width);
        TrunkInput input = arrays.IsPacked
            ? new(Matrix(arrays.Ids))
            {
                Positions = Matrix(arrays.Positions), Segments = Matrix(arrays.Segments), PadsRight = true, Lengths = arrays.Lengths,
                Texts = PackedTexts.WherePaying(arrays.Spans, arrays.Rows, arrays.Width, device),
            }
            : TrunkInput.Create(arrays.Ids, null, isPadded ? arrays.Lengths : null, arrays.Rows, arrays.Width, device);
        return new(rows, arrays.Width, input, [.. arrays.Predicting], [.. arrays.Targets], arrays.TargetWeights.Count > 0 ? [.. arrays.TargetWeights] : null);
    }
}

/// <summary>Token ids of a source and of its target, which ends with the end token.</summary>
internal sealed class SourceTargetRow(int[] source, int[] target, double weight) : EncodedRow(Math.Max(source.Length, target.Length))
{
    public int[] Source { get; } = source;

    public int[] Target { get; } = target;

    public double Weight { get; } = weight;

    /// <inheritdoc/>
    public override double TargetCount => Target.Length * Weight;

    internal override void Write(RowWriter writer)
    {
        writer.Ids(Source);
        writer.Ids(Target);
        writer.Real(Weight);
    }

    internal static SourceTargetRow Read(ref RowReader reader) => new(reader.TokenIds(), reader.TokenIds(), reader.Real());
}
