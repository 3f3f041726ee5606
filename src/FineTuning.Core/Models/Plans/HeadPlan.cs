namespace FineTuning.Models;

/// <summary>What an output layer is for: a name, and how <c>architectures</c> in config.json spells it.</summary>
/// <remarks>Immutable. How a family builds a head of a kind is data of the family.</remarks>
public sealed class HeadKind
{
    internal HeadKind(string name, string classSuffix) => (Name, ClassSuffix) = (name, classSuffix);

    /// <summary>No head: hidden states only.</summary>
    public static HeadKind None { get; } = new("none", "Model");

    /// <summary>One vector of scores for a sequence.</summary>
    public static HeadKind SequenceClassification { get; } = new("sequence classification", "ForSequenceClassification");

    /// <summary>One vector of scores for each token.</summary>
    public static HeadKind TokenClassification { get; } = new("token classification", "ForTokenClassification");

    /// <summary>A start and an end score for each token.</summary>
    public static HeadKind QuestionAnswering { get; } = new("question answering", "ForQuestionAnswering");

    /// <summary>Scores over the vocabulary for each token, which sees all others.</summary>
    public static HeadKind MaskedLanguage { get; } = new("masked language", "ForMaskedLM");

    /// <summary>Scores over the vocabulary for the token that follows.</summary>
    public static HeadKind CausalLanguage { get; } = new("causal language", "ForCausalLM");

    /// <summary>Scores over the vocabulary for the token that follows, given another text.</summary>
    public static HeadKind SequenceToSequence { get; } = new("sequence to sequence", "ForConditionalGeneration");

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>The end of the class name in <c>architectures</c>, for example <c>ForTokenClassification</c>.</summary>
    public string ClassSuffix { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Which vectors of a row a head reads.</summary>
internal enum HeadReads
{
    /// <summary>Those of all tokens.</summary>
    All,

    /// <summary>That of the first token.</summary>
    First,

    /// <summary>That of the last real token.</summary>
    LastReal,

    /// <summary>That of the last token that ends a text, in the decoder of an encoder-decoder that reads the text on both sides (BART).</summary>
    LastEnd,

    /// <summary>The mean over real tokens.</summary>
    Mean,
}

/// <summary>A dense layer of a head, the function after it and the norm after that.</summary>
/// <param name="Function">What follows the layer.</param>
/// <param name="Name">This library's name of the layer; <c>pooler</c> where a base checkpoint holds it too.</param>
internal sealed record DensePlan(Activation Function, string Name = "head.dense")
{
    /// <summary>Whether the layer has a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>Normalizes what the function gives. Null: nothing does.</summary>
    public NormPlan? Norm { get; init; }

    /// <summary>Its width. Null: the hidden size.</summary>
    public int? Width { get; init; }
}

/// <summary>The output layer of a head.</summary>
internal sealed record OutputPlan
{
    /// <summary>How many scores it gives. Null: as many as asked for, or as the vocabulary has.</summary>
    public int? Count { get; init; }

    /// <summary>Whether it has a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>This library's name of the bias, where the checkpoint keeps it apart from the matrix.</summary>
    public string BiasName { get; init; } = "head.output";

    /// <summary>Whether the bias is stored beside the weights but never trained (BART's final_logits_bias).</summary>
    public bool BiasIsFixed { get; init; }

    /// <summary>Whether the token embeddings are the matrix, unless the checkpoint holds another one.</summary>
    public bool TiedToEmbeddings { get; init; }

    /// <summary>Whether there is a score for each token of the vocabulary.</summary>
    public bool IsOverVocabulary { get; init; }

    /// <summary>The factor of what the matrix reads (T5: one over the root of the width).</summary>
    public double Scale { get; init; } = 1;

    /// <summary>The key of config.json that says whether <see cref="Scale"/> is applied; null: none does.</summary>
    public string? ScaleKey { get; init; }

    /// <summary>Scores become cap times the hyperbolic tangent of score over cap (Gemma 2); null: they stay.</summary>
    public double? SoftCap { get; init; }
}

/// <summary>How a family builds one kind of head: what it reads, the layers up to the scores, and what a checkpoint calls them.</summary>
internal sealed record HeadPlan
{
    /// <summary>Which vectors it reads.</summary>
    public HeadReads Reads { get; init; }

    /// <summary>The id of the token that ends a text, where its state is read.</summary>
    public int? EndTokenId { get; init; }

    /// <summary>Dropout of what it reads, from 0 to below 1.</summary>
    public double InputDropout { get; init; }

    /// <summary>The dense layer below the output layer. Null: there is none.</summary>
    public DensePlan? Dense { get; init; }

    /// <summary>Dropout of what the output layer reads, from 0 to below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>The output layer. Null: there is none.</summary>
    public OutputPlan? Output { get; init; }

    /// <summary>Whether a layer is left out where the checkpoint does not hold it (the pooler of a base checkpoint).</summary>
    public bool IsOptional { get; init; }

    /// <summary>The names of its tensors, which carry no prefix.</summary>
    public IReadOnlyList<NameRow> Names { get; init; } = [];

    /// <summary>The end of the class name in <c>architectures</c> where a family spells it in its own way (GPT2LMHeadModel); null: that of the kind.</summary>
    public string? ClassSuffix { get; init; }

    /// <summary>The modules by which a checkpoint shows that it holds this head: one of them is enough.</summary>
    public IReadOnlyList<string> Marks => Output is not { BiasName: not "head.output" } apart ? ["head.output"]
        : Dense is not null ? [Dense.Name] : ["head.output", apart.BiasName];
}
