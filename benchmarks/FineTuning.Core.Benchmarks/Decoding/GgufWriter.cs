using System.Text;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Decoding;

/// <summary>Writes a LLaMA model as a GGUF file, version 3, without a vocabulary: matrices in float32 or bfloat16, vectors in float32.</summary>
internal sealed class GgufWriter(OutputHead head, Precision precision)
{
    private const int Alignment = 32;

    private readonly List<(string Name, Tensor Values)> _tensors = [];

    public void Write(string path)
    {
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Collect();
        using var file = new BinaryWriter(File.Create(path));
        (string Key, Action Value)[] entries = Entries(file);
        file.Write("GGUF"u8);
        file.Write(3);
        file.Write((long)_tensors.Count);
        file.Write((long)entries.Length);
        foreach ((string key, Action value) in entries)
        {
            Text(file, key);
            value();
        }
        long offset = 0;
        foreach ((string name, Tensor values) in _tensors)
        {
            Text(file, name);
            file.Write((int)values.dim());
            // The innermost dimension comes first.
            foreach (long size in values.shape.Reverse()) file.Write(size);
            file.Write(values.dtype == ScalarType.BFloat16 ? 30 : 0);
            file.Write(offset);
            offset = Aligned(offset + Bytes(values));
        }
        foreach ((_, Tensor values) in _tensors)
        {
            file.Write(new byte[Aligned(file.BaseStream.Position) - file.BaseStream.Position]);
            file.Write(values.bytes);
        }
        file.Write(new byte[Aligned(file.BaseStream.Position) - file.BaseStream.Position]);
    }

    private (string Key, Action Value)[] Entries(BinaryWriter file)
    {
        LayerPlan layer = head.Trunk.Plan.Decoder!.Layers[0];
        void Number(int value)
        {
            file.Write(4);
            file.Write(value);
        }
        void Real(double value)
        {
            file.Write(6);
            file.Write((float)value);
        }
        void Word(string value)
        {
            file.Write(8);
            Text(file, value);
        }
        return
        [
            ("general.architecture", () => Word("llama")),
            ("general.alignment", () => Number(Alignment)),
            ("llama.block_count", () => Number(head.Trunk.Plan.Decoder!.Layers.Count)),
            ("llama.context_length", () => Number(head.Trunk.Config.Count("max_position_embeddings"))),
            ("llama.embedding_length", () => Number(head.Trunk.Plan.HiddenSize)),
            ("llama.feed_forward_length", () => Number(layer.FeedForward.Width)),
            ("llama.attention.head_count", () => Number(layer.Attention.QueryHeads)),
            ("llama.attention.head_count_kv", () => Number(layer.Attention.KeyHeads)),
            ("llama.attention.layer_norm_rms_epsilon", () => Real(layer.AroundAttention.Before!.Epsilon)),
            ("llama.rope.dimension_count", () => Number(layer.Attention.Width)),
            ("llama.rope.freq_base", () => Real(layer.Attention.Rotary!.Base)),
            ("llama.vocab_size", () => Number(head.Outputs)),
            ("tokenizer.ggml.model", () => Word("no_vocab")),
        ];
    }

    private void Collect()
    {
        var source = new WeightSource(head.Weights);
        AttentionPlan attention = head.Trunk.Plan.Decoder!.Layers[0].Attention;
        void Add(string name, string from, int heads = 0)
        {
            Tensor values = source.Read(from + ".weight");
            // GGUF's LLaMA turns neighbouring channels, the checkpoint the two halves of a head.
            if (heads > 0) values = values.view(heads, 2, attention.Width / 2, values.shape[1]).transpose(1, 2).reshape(values.shape);
            bool isHalf = precision == Precision.BFloat16 && values.dim() > 1;
            _tensors.Add((name + ".weight", values.to(isHalf ? ScalarType.BFloat16 : ScalarType.Float32).contiguous()));
        }
        Add("token_embd", "model.embed_tokens");
        for (int i = 0; i < head.Trunk.Plan.Decoder!.Layers.Count; i++)
        {
            (string to, string from) = ($"blk.{i}.", $"model.layers.{i}.");
            Add(to + "attn_norm", from + "input_layernorm");
            Add(to + "attn_q", from + "self_attn.q_proj", attention.QueryHeads);
            Add(to + "attn_k", from + "self_attn.k_proj", attention.KeyHeads);
            Add(to + "attn_v", from + "self_attn.v_proj");
            Add(to + "attn_output", from + "self_attn.o_proj");
            Add(to + "ffn_norm", from + "post_attention_layernorm");
            Add(to + "ffn_gate", from + "mlp.gate_proj");
            Add(to + "ffn_up", from + "mlp.up_proj");
            Add(to + "ffn_down", from + "mlp.down_proj");
        }
        Add("output_norm", "model.norm");
        Add("output", "lm_head");
    }

    private static long Bytes(Tensor values) => values.numel() * (values.dtype == ScalarType.BFloat16 ? 2 : 4);

    private static long Aligned(long offset) => (offset + Alignment - 1) / Alignment * Alignment;

    private static void Text(BinaryWriter file, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        file.Write((long)bytes.Length);
        file.Write(bytes);
    }
}
