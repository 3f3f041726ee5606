using System.Diagnostics;
using FineTuning.Heads;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>
/// GPT-2 and its loop as one writes them with TorchSharp: modules, scaled_dot_product_attention with its own dropout, all scores of all tokens, cross_entropy with
/// an index that is ignored, clip_grad_norm_, optim.AdamW. The named baseline of the decoder's comparison.
/// </summary>
internal sealed class IdiomaticDecoder : Module<Tensor, Tensor>
{
    private readonly Embedding _tokens, _positions;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly double _dropout;

    public IdiomaticDecoder(int vocabulary, int width, int layers, int heads, int positions, double dropout)
        : base(nameof(IdiomaticDecoder))
    {
        _dropout = dropout;
        _tokens = Embedding(vocabulary, width);
        _positions = Embedding(positions, width);
        _blocks = [.. Enumerable.Range(0, layers).Select(i => new Block($"block{i}", width, heads, dropout))];
        _norm = LayerNorm(width);
        register_module("tokens", _tokens);
        register_module("positions", _positions);
        for (int i = 0; i < layers; i++) register_module($"block{i}", _blocks[i]);
        register_module("norm", _norm);
        init.normal_(_tokens.weight!, std: 0.02);
        init.normal_(_positions.weight!, std: 0.01);
    }

    public override Tensor forward(Tensor ids)
    {
        Tensor hidden = functional.dropout(_tokens.forward(ids) + _positions.forward(arange(ids.shape[1], dtype: ScalarType.Int64)), _dropout, training);
        foreach (Block block in _blocks) hidden = block.forward(hidden);
        return functional.linear(_norm.forward(hidden), _tokens.weight!);
    }

    /// <param name="name">How the result is called.</param>
    /// <param name="rows">Token ids and which are learned, in random order.</param>
    /// <param name="batchSize">Rows a step.</param>
    /// <param name="padTo">Every batch is padded to so many tokens; null: to its longest row.</param>
    /// <param name="warmup">Steps that are not measured.</param>
    /// <param name="steps">Steps that are.</param>
    public Measurement Train(string name, IReadOnlyList<CausalRow> rows, int batchSize, int? padTo, int warmup, int steps)
    {
        train();
        var optimizer = optim.AdamW(parameters(), lr: 5e-5, weight_decay: 0.01);
        long real = 0, computed = 0, started = 0;
        for (int step = 0; step < warmup + steps; step++)
        {
            if (step == warmup) (real, computed, started) = (0, 0, Stopwatch.GetTimestamp());
            using var scope = NewDisposeScope();
            CausalRow[] batch = [.. Enumerable.Range(0, batchSize).Select(i => rows[((step * batchSize) + i) % rows.Count])];
            int length = padTo ?? batch.Max(row => row.Length);
            var ids = new long[batchSize, length];
            var targets = new long[batchSize, length - 1];
            for (int row = 0; row < batchSize; row++)
            {
                int own = Math.Min(length, batch[row].Length);
                for (int i = 0; i < own; i++) ids[row, i] = batch[row].TokenIds[i];
                for (int i = 1; i < length; i++) targets[row, i - 1] = i < own && batch[row].Learned[i] ? batch[row].TokenIds[i] : -100;
                real += own;
            }
            computed += batchSize * length;
            optimizer.zero_grad();
            Tensor logits = forward(tensor(ids))[.., ..^1];
            Tensor loss = functional.cross_entropy(logits.reshape(-1, logits.shape[2]), tensor(targets).reshape(-1), ignore_index: -100);
            loss.backward();
            nn.utils.clip_grad_norm_(parameters(), 1.0);
            optimizer.step();
            _ = loss.item<float>();
        }
        return new(name, real, computed, Stopwatch.GetElapsedTime(started).TotalSeconds, steps, Process.GetCurrentProcess().PeakWorkingSet64);
    }

    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly LayerNorm _first, _second;
        private readonly TorchSharp.Modules.Linear _attention, _output, _up, _down;
        private readonly int _heads;
        private readonly double _dropout;

        public Block(string name, int width, int heads, double dropout)
            : base(name)
        {
            (_heads, _dropout) = (heads, dropout);
            (_first, _second) = (LayerNorm(width), LayerNorm(width));
            (_attention, _output, _up, _down) = (Linear(width, 3 * width), Linear(width, width), Linear(width, 4 * width), Linear(4 * width, width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor hidden)
        {
            (long batch, long tokens, long width) = (hidden.shape[0], hidden.shape[1], hidden.shape[2]);
            Tensor[] parts = _attention.forward(_first.forward(hidden)).split(width, 2);
            Tensor Split(Tensor x) => x.view(batch, tokens, _heads, width / _heads).transpose(1, 2);
            Tensor attended = functional.scaled_dot_product_attention(Split(parts[0]), Split(parts[1]), Split(parts[2]), null, training ? _dropout : 0, true);
            hidden = hidden + functional.dropout(_output.forward(attended.transpose(1, 2).reshape(batch, tokens, width)), _dropout, training);
            return hidden + functional.dropout(_down.forward(functional.gelu(_up.forward(_second.forward(hidden)))), _dropout, training);
        }
    }
}
