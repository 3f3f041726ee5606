using System.Globalization;
using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Adapters;

/// <summary>P-tuning (Liu et al. 2021): a small network makes the vectors before the text; a file holds only what it made.</summary>
/// <remarks>One that was loaded trains on as plain vectors.</remarks>
public sealed record EncodedPromptAdapter : LeadingAdapter
{
    /// <summary>The network. Default a perceptron.</summary>
    public PromptEncoder Encoder { get; init; }

    /// <summary>Its width, from 1 to 65536. Null: that of the embeddings.</summary>
    public int? HiddenSize { get; init; }

    /// <summary>Layers of an LSTM, from 1 to 16. Default 2.</summary>
    public int LayerCount { get; init; } = 2;

    /// <summary>Dropout between layers of an LSTM, from 0 to below 1. Default 0.</summary>
    public double Dropout { get; init; }

    internal override string PeftType => "P_TUNING";

    internal override void CollectViolations(List<string> violations)
    {
        base.CollectViolations(violations);
        if (HiddenSize is < 1 or > 65536) violations.Add($"the width of the prompt's network is {HiddenSize}; it is from 1 to 65536");
        if (LayerCount is < 1 or > 16) violations.Add($"the prompt's network has {LayerCount} layers; it has from 1 to 16");
        if (Dropout is not (>= 0 and < 1)) violations.Add(string.Create(CultureInfo.InvariantCulture,
            $"the dropout of the prompt's network is {Dropout}; it is from 0 to below 1"));
    }

    internal override LearnedPrompt OnTrunk(OutputHead head, ParameterSource source)
    {
        (long count, long width) = (TokenCount * Shape!.Submodules, Shape.Width);
        if (!source.IsFresh)
        {
            Weight made = source.MakePrompt([count, width], () => zeros(count, width));
            return new(TokenCount, _ => made.Value);
        }
        long hidden = HiddenSize ?? width;
        Weight embedding = source.MakeUnsaved("prompt_encoder.embedding.weight", () => randn([count, width], generator: source.Generator));
        Func<Tensor, ForwardContext, Tensor> encode = Encoder == PromptEncoder.Lstm
            ? new PromptLstm(source, width, hidden, LayerCount, Dropout).Forward
            : PromptLayers.Make(source, "prompt_encoder.mlp_head", value => nn.functional.relu(value), width, hidden, hidden, width);
        Tensor Table(ForwardContext context) => encode(embedding.Value, context);
        source.SavePrompt(() => Table(ForwardContext.Evaluation()));
        return new(TokenCount, Table);
    }

    internal override void Write(JsonObject config)
    {
        base.Write(config);
        config["encoder_reparameterization_type"] = Encoder == PromptEncoder.Lstm ? "LSTM" : "MLP";
        config["encoder_hidden_size"] = HiddenSize ?? Shape?.Width;
        config["encoder_num_layers"] = LayerCount;
        config["encoder_dropout"] = Dropout;
    }

    internal static EncodedPromptAdapter Read(ConfigFile config) => Read(config, new EncodedPromptAdapter
    {
        Encoder = config.Text("encoder_reparameterization_type") switch
        {
            null or "MLP" => PromptEncoder.Perceptron, "LSTM" => PromptEncoder.Lstm,
            { } other => throw config.Fault($"'encoder_reparameterization_type' is '{ConfigFile.Shorten(other)}'; MLP or LSTM was expected"),
        },
        HiddenSize = config.Has("encoder_hidden_size") ? config.Count("encoder_hidden_size", 1, most: 65536) : null,
        LayerCount = config.Count("encoder_num_layers", 2, most: 16),
        Dropout = config.Dropout("encoder_dropout", 0),
    });
}

/// <summary>The network of p-tuning.</summary>
public enum PromptEncoder
{
    /// <summary>Three linear layers with ReLU between them.</summary>
    Perceptron,

    /// <summary>An LSTM in both directions and two linear layers.</summary>
    Lstm,
}

/// <summary>Linear layers with a function between them, drawn as torch draws them.</summary>
internal static class PromptLayers
{
    public static Func<Tensor, ForwardContext, Tensor> Make(ParameterSource source, string name, Func<Tensor, Tensor> between, params long[] widths)
    {
        var layers = new (Weight Matrix, Weight Bias)[widths.Length - 1];
        for (int i = 0; i < layers.Length; i++)
        {
            (long inputs, long outputs) = (widths[i], widths[i + 1]);
            layers[i] = (source.MakeUnsaved($"{name}.{2 * i}.weight", () => LoraFactors.Uniform(outputs, inputs, source.Generator)),
                source.MakeUnsaved($"{name}.{2 * i}.bias", () => LoraFactors.Uniform(1, outputs, source.Generator, inputs).squeeze(0)));
        }
        return (value, _) =>
        {
            for (int i = 0; i < layers.Length; i++)
            {
                value = nn.functional.linear(i == 0 ? value : between(value), layers[i].Matrix.Value, layers[i].Bias.Value);
            }
            return value;
        };
    }
}

/// <summary>An LSTM in both directions (Hochreiter and Schmidhuber 1997) and two linear layers behind it.</summary>
internal sealed class PromptLstm
{
    private readonly (Weight Input, Weight Hidden, Weight InputBias, Weight HiddenBias)[][] _layers;
    private readonly Func<Tensor, ForwardContext, Tensor> _above;
    private readonly long _width;
    private readonly double _dropout;

    public PromptLstm(ParameterSource source, long inputs, long width, int layers, double dropout)
    {
        (_width, _dropout) = (width, dropout);
        _layers = [.. Enumerable.Range(0, layers).Select(layer => new[] { "", "_reverse" }.Select(direction =>
        {
            Weight Make(string kind, long rows, long columns) => source.MakeUnsaved($"prompt_encoder.lstm_head.{kind}_l{layer}{direction}", () =>
            {
                Tensor drawn = LoraFactors.Uniform(rows, Math.Max(columns, 1), source.Generator, width);
                return columns == 0 ? drawn.squeeze(1) : drawn;
            });
            return (Make("weight_ih", 4 * width, layer == 0 ? inputs : 2 * width), Make("weight_hh", 4 * width, width), Make("bias_ih", 4 * width, 0),
                Make("bias_hh", 4 * width, 0));
        }).ToArray())];
        _above = PromptLayers.Make(source, "prompt_encoder.mlp_head", value => nn.functional.relu(value), 2 * width, 2 * width, inputs);
    }

    /// <param name="value">[tokens, inputs]</param>
    /// <param name="context">The pass.</param>
    /// <returns>[tokens, inputs]</returns>
    public Tensor Forward(Tensor value, ForwardContext context)
    {
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            if (layer > 0) value = context.Dropout(value, _dropout, DropoutSite.Of($"prompt_encoder.lstm_head.{layer}"));
            Tensor entered = value;
            value = cat([Run(_layers[layer][0], entered, false), Run(_layers[layer][1], entered, true)], 1);
        }
        return _above(value, context);
    }

    private Tensor Run((Weight Input, Weight Hidden, Weight InputBias, Weight HiddenBias) own, Tensor value, bool backward)
    {
        Tensor[] entering = nn.functional.linear(value, own.Input.Value, own.InputBias.Value).unbind(0);
        var states = new Tensor[entering.Length];
        Tensor state = zeros(1, _width, dtype: value.dtype, device: value.device), cell = state;
        for (int i = 0; i < entering.Length; i++)
        {
            int at = backward ? entering.Length - 1 - i : i;
            Tensor gates = entering[at].unsqueeze(0).Plus(nn.functional.linear(state, own.Hidden.Value, own.HiddenBias.Value));
            Tensor[] parts = gates.chunk(4, 1);
            cell = (parts[1].sigmoid() * cell).Plus(parts[0].sigmoid() * parts[2].tanh());
            state = parts[3].sigmoid() * cell.tanh();
            states[at] = state;
        }
        return cat(states, 0);
    }
}
