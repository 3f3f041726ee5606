using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using LLama;
using LLama.Common;
using LLama.Native;

namespace FineTuning.Benchmarks.Decoding;

/// <summary>Writes the most probable token, again and again.</summary>
internal interface IDecoder : IDisposable
{
    string Name { get; }

    /// <summary>The scores of the last step.</summary>
    ReadOnlySpan<float> Scores { get; }

    /// <summary>Reads a prompt and gives the first token after it.</summary>
    int Read(int[] prompt);

    /// <summary>Takes a token and gives the next.</summary>
    int Next(int token);
}

/// <summary>This library's.</summary>
internal sealed class OwnDecoder(OutputHead head, Precision precision) : IDecoder
{
    private readonly TrunkScoreSource _source = new(head, precision);
    private readonly float[] _scores = new float[head.Outputs];

    public ReadOnlySpan<float> Scores => _scores;

    public string Name => $"ours, {precision}";

    public int Read(int[] prompt)
    {
        _source.Start([prompt], [0], _scores);
        return ScoreMath.ArgMax(_scores);
    }

    public int Next(int token)
    {
        _source.Next([token], [0], _scores);
        return ScoreMath.ArgMax(_scores);
    }

    public void Dispose() => _source.Dispose();
}

/// <summary>llama.cpp through LLamaSharp.</summary>
internal sealed class LlamaCppDecoder : IDecoder
{
    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly LLamaBatch _batch = new();
    private int _length;

    static LlamaCppDecoder() => NativeLogConfig.llama_log_set((_, _) => { });

    public LlamaCppDecoder(string path, Precision precision, int threads, int room)
    {
        Name = $"llama.cpp, {precision}";
        var parameters = new ModelParams(path)
        {
            ContextSize = (uint)room, BatchSize = (uint)room, UBatchSize = (uint)room, GpuLayerCount = 0, Threads = threads, BatchThreads = threads,
        };
        // Keys and values as ours keeps them; llama.cpp's choice is float16.
        if (precision == Precision.Float32) (parameters.TypeK, parameters.TypeV) = (GGMLType.GGML_TYPE_F32, GGMLType.GGML_TYPE_F32);
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
    }

    public string Name { get; }

    public ReadOnlySpan<float> Scores => _context.NativeHandle.GetLogitsIth(_batch.TokenCount - 1);

    public int Read(int[] prompt)
    {
        _context.NativeHandle.MemoryClear(true);
        _length = 0;
        return Run(prompt);
    }

    public int Next(int token) => Run([token]);

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    private int Run(ReadOnlySpan<int> tokens)
    {
        _batch.Clear();
        for (int i = 0; i < tokens.Length; i++) _batch.Add(tokens[i], _length + i, LLamaSeqId.Zero, i == tokens.Length - 1);
        DecodeResult result = _context.Decode(_batch);
        if (result != DecodeResult.Ok) throw new InvalidOperationException($"llama.cpp answered {result}");
        _length += tokens.Length;
        return ScoreMath.ArgMax(Scores);
    }
}
