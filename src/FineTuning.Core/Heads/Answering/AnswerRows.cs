using FineTuning.Examples;
using FineTuning.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>What the evaluation needs of a window: where its tokens stand in the text.</summary>
/// <param name="First">The index of the text's first token in the window.</param>
/// <param name="Starts">Where each of the text's tokens begins.</param>
/// <param name="Ends">Where each ends.</param>
internal sealed record SpanWindow(int First, int[] Starts, int[] Ends)
{
    public int Last => First + Starts.Length - 1;

    public static SpanWindow Of(AnswerWindow window) =>
        new(window.First, window.Tokens.Starts[window.First..(window.Last + 1)], window.Tokens.Ends[window.First..(window.Last + 1)]);
}

/// <summary>A question and all its windows; <c>PrepareRows</c> replaces it by the windows.</summary>
internal sealed class QuestionRow(AnsweredQuestion example, WindowRow[] windows) : EncodedRow(windows.Max(window => window.Length))
{
    public string Context => example.Context;

    public string[] References { get; } = example.IsAnswerable ? [.. example.Answers.Select(answer => answer.Text)] : [];

    public WindowRow[] Windows => windows;

    public override double TargetCount => windows.Sum(window => window.TargetCount);
}

/// <summary>A window with the token indices of its target: those of the answer, or 0 and 0.</summary>
internal sealed class WindowRow(int[] ids, int[]? typeIds, SpanWindow window, bool[]? fullest, (int Start, int End) target, double weight)
    : TokenizedRow(ids, typeIds)
{
    public SpanWindow Window { get; } = window;

    public bool[]? Fullest { get; } = fullest;

    public (int Start, int End) Target { get; } = target;

    public override double TargetCount { get; } = weight;

    public QuestionRow? Question { get; set; }

    /// <summary>First and last tokens, [rows, 2], int64.</summary>
    public static Tensor Targets(TokenizedBatch batch, Device device) =>
        tensor(batch.Rows.Select(OwnRows.Of<WindowRow>).SelectMany(row => new long[] { row.Target.Start, row.Target.End }).ToArray(),
            [batch.Rows.Count, 2], ScalarType.Int64, device);

    /// <summary>The rows' weights, [rows], float32; null where all are 1.</summary>
    public static Tensor? Weights(TokenizedBatch batch, Device device) => batch.Rows.All(row => row.TargetCount == 1)
        ? null
        : tensor(batch.Rows.Select(row => (float)row.TargetCount).ToArray(), ScalarType.Float32, device);
}
