using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What follows the pooling of a sentence encoder.</summary>
internal abstract class SentenceModule
{
    /// <summary>Its type in modules.json.</summary>
    public abstract string Type { get; }

    /// <param name="embeddings">[rows, width]</param>
    /// <param name="context">The pass.</param>
    /// <returns>[rows, width of the module]</returns>
    public abstract Tensor Forward(Tensor embeddings, ForwardContext context);

    /// <summary>How many numbers come out where <paramref name="width"/> go in.</summary>
    public virtual int WidthAfter(int width) => width;

    /// <summary>Writes the module's own files, where it has any.</summary>
    public virtual void Save(string folder)
    {
    }
}

/// <summary>Scales each vector to length 1.</summary>
internal sealed class NormalizeModule : SentenceModule
{
    public override string Type => "sentence_transformers.models.Normalize";

    public override Tensor Forward(Tensor embeddings, ForwardContext context) => nn.functional.normalize(embeddings, 2, 1);
}

/// <summary>A linear layer and a function.</summary>
internal sealed class DenseModule : SentenceModule
{
    private static readonly Dictionary<string, string> FormatMark = new() { ["format"] = "pt" };

    private readonly Weight _matrix;
    private readonly Weight? _bias;
    private readonly Linear _linear;
    private readonly string _function;

    private DenseModule(Weight matrix, Weight? bias, string function) =>
        (_matrix, _bias, _linear, _function) = (matrix, bias, new Linear(matrix, bias), function);

    public override string Type => "sentence_transformers.models.Dense";

    public override Tensor Forward(Tensor embeddings, ForwardContext context)
    {
        Tensor output = _linear.Forward(embeddings, context).to(context.ResultType);
        return Name(_function) switch
        {
            "Tanh" => output.tanh(),
            "ReLU" => output.relu(),
            "GELU" => nn.functional.gelu(output),
            "Sigmoid" => output.sigmoid(),
            _ => output,
        };
    }

    public override int WidthAfter(int width) => (int)_matrix.Value.shape[0];

    /// <summary>Reads config.json and weights of a dense module's folder; the weights join the set.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, sizes do not fit, or the function is not known.</exception>
    public static DenseModule Load(string folder, int width, string name, WeightSet weights, Device device)
    {
        ConfigFile config = ConfigFile.Read(folder);
        int inputs = config.Count("in_features"), outputs = config.Count("out_features");
        if (inputs != width) throw config.Fault($"'in_features' is {inputs}, but {width} numbers come in");
        string function = config.Text("activation_function") ?? "torch.nn.modules.activation.Tanh";
        if (Name(function) is not ("Tanh" or "ReLU" or "GELU" or "Sigmoid" or "Identity"))
            throw config.Fault($"the activation_function '{function}' is not supported; Tanh, ReLU, GELU, Sigmoid and Identity are");
        using ITensorSource source = CheckpointFiles.Open(folder);
        Weight matrix = Read(source, folder, "linear.weight", $"{name}.weight", WeightKind.Matrix, weights, device, outputs, inputs);
        Weight? bias = config.Flag("bias", true) ? Read(source, folder, "linear.bias", $"{name}.bias", WeightKind.Bias, weights, device, outputs) : null;
        FiniteWeights.Require(bias is null ? [matrix] : [matrix, bias], folder);
        return new(matrix, bias, function);
    }

    public override void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        var config = new JsonObject
        {
            ["in_features"] = _matrix.Value.shape[1],
            ["out_features"] = _matrix.Value.shape[0],
            ["bias"] = _bias is not null,
            ["activation_function"] = _function,
        };
        SentenceFiles.WriteJson(Path.Combine(folder, "config.json"), config);
        using var gradients = no_grad();
        List<(string, Tensor)> tensors = [("linear.weight", _matrix.Value)];
        if (_bias is not null) tensors.Insert(0, ("linear.bias", _bias.Value));
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, FormatMark);
    }

    private static string Name(string function) => function[(function.LastIndexOf('.') + 1)..];

    private static Weight Read(ITensorSource source, string folder, string stored, string name, WeightKind kind, WeightSet weights,
        Device device, params long[] shape)
    {
        if (!source.Tensors.TryGetValue(stored, out StoredTensor? entry))
            throw new CheckpointException(folder, $"'{stored}' of shape [{string.Join(", ", shape)}] is missing");
        if (!entry.Shape.SequenceEqual(shape))
            throw new CheckpointException(folder, $"'{stored}' has the shape [{string.Join(", ", entry.Shape)}]; [{string.Join(", ", shape)}] was expected");
        Tensor value;
        using (NewDisposeScope()) value = source.ReadWeight(stored).to(ScalarType.Float32, device).MoveToOuterDisposeScope();
        return weights.Add(name, value, kind, weights.HeadDepth);
    }
}
