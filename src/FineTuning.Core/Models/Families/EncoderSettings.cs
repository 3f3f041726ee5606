namespace FineTuning.Models;

/// <summary>What families of BERT's kind set: a base table that a family changes a few entries of, and that becomes a plan.</summary>
internal sealed record EncoderSettings
{
    public required string ModelType { get; init; }

    public required int VocabularySize { get; init; }

    public required int HiddenSize { get; init; }

    public required int EmbeddingSize { get; init; }

    public required int LayerCount { get; init; }

    public required int HeadCount { get; init; }

    public required int IntermediateSize { get; init; }

    public required int PositionCount { get; init; }

    /// <summary>Whether positions are counted from the padding id + 1 on, over real tokens alone (RoBERTa).</summary>
    public bool PositionsFromPadding { get; init; }

    public required int TypeCount { get; init; }

    public int? PadTokenId { get; init; }

    public required Activation Activation { get; init; }

    public required double NormEpsilon { get; init; }

    public required double InitializerRange { get; init; }

    public IReadOnlyDictionary<int, string> Labels { get; init; } = new Dictionary<int, string>();

    public string? ProblemType { get; init; }

    /// <summary>Dropout of embeddings and of what attention adds.</summary>
    public double HiddenDropout { get; init; }

    public double AttentionDropout { get; init; }

    /// <summary>Dropout of what the feed-forward network adds.</summary>
    public double OutputDropout { get; init; }

    /// <summary>Dropout of the vector that a sequence head reads.</summary>
    public double PooledDropout { get; init; }

    public double SequenceDropout { get; init; }

    public double TokenDropout { get; init; }

    public double AnswerDropout { get; init; }

    public WideningPlan? Widening { get; init; }

    public SharingPlan? Sharing { get; init; }

    public RelativeBiasPlan? RelativeBias { get; init; }

    public DisentangledPlan? Disentangled { get; init; }

    /// <summary>The convolution beside the lowest layer.</summary>
    public ConvolutionPlan? Convolution { get; init; }

    public bool ClearsPadding { get; init; }

    public bool TiesOutput { get; init; } = true;

    /// <summary>The dense layer of the sequence head.</summary>
    public DensePlan SequenceDense { get; init; } = BertFamily.Pooler;

    /// <summary>The function of the masked-language head.</summary>
    public required Activation MaskedActivation { get; init; }

    public NormPlan Norm => new(NormEpsilon);

    /// <summary>The trunk.</summary>
    public TrunkPlan ToPlan()
    {
        var attention = new AttentionPlan(HeadCount, HeadCount, HiddenSize / HeadCount)
            { Bias = true, OutputBias = true, Dropout = AttentionDropout, Disentangled = Disentangled };
        var layer = new LayerPlan(attention, new FeedForwardPlan(IntermediateSize, Activation))
        {
            AroundAttention = new() { After = Norm, Dropout = HiddenDropout },
            AroundFeedForward = new() { After = Norm, Dropout = OutputDropout },
        };
        return new TrunkPlan
        {
            ModelType = ModelType,
            HiddenSize = HiddenSize,
            PadTokenId = PadTokenId,
            Labels = Labels,
            ProblemType = ProblemType,
            InitializerRange = InitializerRange,
            Embedding = new(VocabularySize, EmbeddingSize)
            {
                PaddingRow = PadTokenId ?? -1,
                Positions = Positions(),
                Rule = PositionsFromPadding ? PositionRule.Ids : PositionRule.Index,
                TypeCount = TypeCount,
                Norm = Norm,
                Dropout = HiddenDropout,
                Widening = Widening,
                ClearsPadding = ClearsPadding,
            },
            Encoder = new(
                [.. Enumerable.Range(0, LayerCount).Select(i => i == 0 && Convolution is not null ? layer with { Convolution = Convolution } : layer)])
            {
                RelativeBias = RelativeBias,
                Sharing = Sharing,
            },
        };
    }

    /// <summary>The heads of BERT's kind, under a family's names.</summary>
    public IReadOnlyDictionary<HeadKind, HeadPlan> ToHeads(EncoderHeadNames names) => new Dictionary<HeadKind, HeadPlan>
    {
        [HeadKind.None] = new() { Reads = HeadReads.First, Dense = BertFamily.Pooler, IsOptional = true },
        [HeadKind.SequenceClassification] = new()
        {
            Reads = HeadReads.First, InputDropout = PooledDropout, Dense = SequenceDense, Dropout = SequenceDropout, Output = new(), Names = names.Sequence,
        },
        [HeadKind.TokenClassification] = new() { Dropout = TokenDropout, Output = new(), Names = names.Token },
        [HeadKind.QuestionAnswering] = new() { Dropout = AnswerDropout, Output = new() { Count = 2 }, Names = names.Answer },
        [HeadKind.MaskedLanguage] = new()
        {
            Dense = new(MaskedActivation) { Norm = Norm, Width = EmbeddingSize },
            Output = new() { BiasName = "head.output_bias", TiedToEmbeddings = TiesOutput, IsOverVocabulary = true },
            Names = names.Masked,
        },
    };

    private PositionEmbeddingPlan? Positions()
    {
        if (PositionCount == 0) return null;
        if (!PositionsFromPadding) return new(PositionCount);
        int pad = PadTokenId ?? 0;
        return new(PositionCount) { Offset = pad + 1, PaddingRow = pad };
    }
}

/// <summary>What a family calls the tensors of its heads.</summary>
/// <param name="Sequence">Of the sequence head.</param>
/// <param name="Masked">Of the masked-language head.</param>
internal sealed record EncoderHeadNames(IReadOnlyList<NameRow> Sequence, IReadOnlyList<NameRow> Masked)
{
    /// <summary>Of the token head.</summary>
    public IReadOnlyList<NameRow> Token { get; init; } = [("head.output", "classifier")];

    /// <summary>Of the answer head.</summary>
    public IReadOnlyList<NameRow> Answer { get; init; } = [("head.output", "qa_outputs")];

    /// <summary>The names of a masked-language head: dense layer, norm, bias and output.</summary>
    public static IReadOnlyList<NameRow> MaskedHead(string dense, string norm, string bias, string output) =>
        [("head.dense", dense), ("head.norm", norm), ("head.output_bias", bias + "!"), ("head.output", output)];
}
