namespace FineTuning.Models;

/// <summary>What a family that is built as LLaMA is assumes where config.json leaves a key out.</summary>
internal sealed record LlamaDefaults
{
    /// <summary>vocab_size.</summary>
    public int Vocabulary { get; init; } = 32000;

    /// <summary>hidden_size.</summary>
    public int Hidden { get; init; } = 4096;

    /// <summary>intermediate_size.</summary>
    public int Inner { get; init; } = 11008;

    /// <summary>num_hidden_layers.</summary>
    public int Layers { get; init; } = 32;

    /// <summary>num_attention_heads.</summary>
    public int Heads { get; init; } = 32;

    /// <summary>num_key_value_heads; null: as many as heads.</summary>
    public int? KeyHeads { get; init; }

    /// <summary>head_dim; null: the hidden size over the heads.</summary>
    public int? HeadWidth { get; init; }

    /// <summary>rms_norm_eps.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>rope_theta.</summary>
    public double RotaryBase { get; init; } = 10000;

    /// <summary>Which key names the function of the feed-forward network.</summary>
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>The function where that key is missing.</summary>
    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>tie_word_embeddings.</summary>
    public bool Ties { get; init; }

    /// <summary>pad_token_id; null: none.</summary>
    public int? Pad { get; init; }

    /// <summary>1 where gains are stored as differences from 1 (Gemma).</summary>
    public double NormShift { get; init; }
}
