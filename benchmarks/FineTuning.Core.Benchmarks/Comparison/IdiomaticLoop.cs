using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>What one measured.</summary>
/// <param name="Name">Which loop.</param>
/// <param name="RealTokens">Tokens that are not padding.</param>
/// <param name="ComputedTokens">All tokens, padding included.</param>
/// <param name="Seconds">Of the steps after the warm-up ones.</param>
/// <param name="Steps">How many.</param>
/// <param name="PeakMemory">The largest resident memory of its process, in bytes.</param>
internal sealed record Measurement(string Name, long RealTokens, long ComputedTokens, double Seconds, int Steps, long PeakMemory)
{
    public double TokensPerSecond => RealTokens / Seconds;

    public double SecondsPerStep => Seconds / Steps;
}

/// <summary>The training loop as TorchSharp's examples write it: module.train, zero_grad, backward, clip_grad_norm_, optim.AdamW.</summary>
internal static class IdiomaticLoop
{
    /// <param name="name">How the result is called.</param>
    /// <param name="model">The baseline model.</param>
    /// <param name="rows">Token ids and labels in random order.</param>
    /// <param name="batchSize">Rows a step.</param>
    /// <param name="padTo">Every batch is padded to so many tokens; null: to its longest row.</param>
    /// <param name="warmup">Steps that are not measured.</param>
    /// <param name="steps">Steps that are.</param>
    public static Measurement Run(string name, IdiomaticBert model, IReadOnlyList<(int[] Ids, int Label)> rows, int batchSize, int? padTo, int warmup, int steps)
    {
        model.train();
        var optimizer = optim.AdamW(model.parameters(), lr: 5e-5, weight_decay: 0.01);
        long real = 0, computed = 0, started = 0;
        for (int step = 0; step < warmup + steps; step++)
        {
            if (step == warmup) (real, computed, started) = (0, 0, Stopwatch.GetTimestamp());
            using var scope = NewDisposeScope();
            (int[] Ids, int Label)[] batch = [.. Enumerable.Range(0, batchSize).Select(i => rows[((step * batchSize) + i) % rows.Count])];
            int length = padTo ?? batch.Max(row => row.Ids.Length);
            var ids = new long[batchSize, length];
            var mask = new float[batchSize, length];
            for (int row = 0; row < batchSize; row++)
            {
                for (int i = 0; i < Math.Min(length, batch[row].Ids.Length); i++) (ids[row, i], mask[row, i]) = (batch[row].Ids[i], 1);
                real += Math.Min(length, batch[row].Ids.Length);
            }
            computed += batchSize * length;
            optimizer.zero_grad();
            Tensor loss = nn.functional.cross_entropy(model.forward(tensor(ids), tensor(mask)), tensor(batch.Select(row => (long)row.Label).ToArray()));
            loss.backward();
            nn.utils.clip_grad_norm_(model.parameters(), 1.0);
            optimizer.step();
            _ = loss.item<float>();
        }
        return new(name, real, computed, Stopwatch.GetElapsedTime(started).TotalSeconds, steps, Process.GetCurrentProcess().PeakWorkingSet64);
    }
}
