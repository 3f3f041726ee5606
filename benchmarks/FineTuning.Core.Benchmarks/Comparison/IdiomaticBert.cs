using FineTuning.Tensors;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// BERT as one writes it with TorchSharp: modules, separate query, key and value, scaled_dot_product_attention with its own dropout, functional dropout.
/// The named baseline of the comparison; its weights come from the same checkpoint, so both sides compute the same function.
/// </summary>
internal sealed class IdiomaticBert : Module<Tensor, Tensor, Tensor>
{
    private readonly Embedding _tokens, _positions, _types;
    private readonly LayerNorm _norm;
    private readonly Layer[] _layers;
    private readonly Linear _pooler, _classifier;
    private readonly double _dropout;

    public IdiomaticBert(string folder, int layers, int hidden, int heads, int intermediate, int vocabulary, int positions, int labels, double dropout)
        : base(nameof(IdiomaticBert))
    {
        _dropout = dropout;
        _tokens = Embedding(vocabulary, hidden);
        _positions = Embedding(positions, hidden);
        _types = Embedding(2, hidden);
        _norm = LayerNorm(hidden, eps: 1e-12);
        _layers = [.. Enumerable.Range(0, layers).Select(i => new Layer($"layer{i}", hidden, heads, intermediate, dropout))];
        _pooler = Linear(hidden, hidden);
        _classifier = Linear(hidden, labels);
        register_module("tokens", _tokens);
        register_module("positions", _positions);
        register_module("types", _types);
        register_module("norm", _norm);
        for (int i = 0; i < layers; i++) register_module($"layer{i}", _layers[i]);
        register_module("pooler", _pooler);
        register_module("classifier", _classifier);
        Load(folder);
    }

    public override Tensor forward(Tensor ids, Tensor mask)
    {
        Tensor places = arange(ids.shape[1], dtype: ScalarType.Int64);
        Tensor hidden = _tokens.forward(ids) + _positions.forward(places).unsqueeze(0) + _types.forward(zeros_like(ids));
        hidden = functional.dropout(_norm.forward(hidden), _dropout, training);
        Tensor attended = mask.unsqueeze(1).unsqueeze(2).to(ScalarType.Bool);
        foreach (Layer layer in _layers) hidden = layer.forward(hidden, attended);
        Tensor pooled = _pooler.forward(hidden[.., 0]).tanh();
        return _classifier.forward(functional.dropout(pooled, _dropout, training));
    }

    private void Load(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        void Fill(Tensor target, string name)
        {
            string found = file.Tensors.ContainsKey(name) ? name : "bert." + name;
            target.copy_(file.Read(found));
        }
        void Both(Module<Tensor, Tensor> module, string name)
        {
            foreach ((string part, Parameter value) in module.named_parameters()) Fill(value, $"{name}.{part}");
        }
        Fill(_tokens.weight!, "embeddings.word_embeddings.weight");
        Fill(_positions.weight!, "embeddings.position_embeddings.weight");
        Fill(_types.weight!, "embeddings.token_type_embeddings.weight");
        Both(_norm, "embeddings.LayerNorm");
        for (int i = 0; i < _layers.Length; i++)
        {
            foreach ((Module<Tensor, Tensor> module, string name) in _layers[i].Parts()) Both(module, $"encoder.layer.{i}.{name}");
        }
        // A base checkpoint may come without a pooler: then it stays as it was drawn.
        if (file.Tensors.Keys.Any(name => name.EndsWith("pooler.dense.weight", StringComparison.Ordinal))) Both(_pooler, "pooler.dense");
    }

    private sealed class Layer : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear _query, _key, _value, _output, _up, _down;
        private readonly LayerNorm _afterAttention, _afterFeedForward;
        private readonly int _heads;
        private readonly double _dropout;

        public Layer(string name, int hidden, int heads, int intermediate, double dropout)
            : base(name)
        {
            (_heads, _dropout) = (heads, dropout);
            (_query, _key, _value, _output) = (Linear(hidden, hidden), Linear(hidden, hidden), Linear(hidden, hidden), Linear(hidden, hidden));
            (_up, _down) = (Linear(hidden, intermediate), Linear(intermediate, hidden));
            (_afterAttention, _afterFeedForward) = (LayerNorm(hidden, eps: 1e-12), LayerNorm(hidden, eps: 1e-12));
            RegisterComponents();
        }

        public IEnumerable<(Module<Tensor, Tensor> Module, string Name)> Parts() =>
        [
            (_query, "attention.self.query"), (_key, "attention.self.key"), (_value, "attention.self.value"), (_output, "attention.output.dense"),
            (_afterAttention, "attention.output.LayerNorm"), (_up, "intermediate.dense"), (_down, "output.dense"), (_afterFeedForward, "output.LayerNorm"),
        ];

        public override Tensor forward(Tensor hidden, Tensor mask)
        {
            long batch = hidden.shape[0], tokens = hidden.shape[1], width = hidden.shape[2];
            Tensor Split(Tensor x) => x.view(batch, tokens, _heads, width / _heads).transpose(1, 2);
            Tensor attended = functional.scaled_dot_product_attention(
                Split(_query.forward(hidden)), Split(_key.forward(hidden)), Split(_value.forward(hidden)), mask, training ? _dropout : 0);
            Tensor output = _output.forward(attended.transpose(1, 2).reshape(batch, tokens, width));
            hidden = _afterAttention.forward(hidden + functional.dropout(output, _dropout, training));
            Tensor fed = _down.forward(functional.gelu(_up.forward(hidden)));
            return _afterFeedForward.forward(hidden + functional.dropout(fed, _dropout, training));
        }
    }
}
