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

    /// <summary>The windows as rows of their own, each of which knows its question.</summary>
    public IEnumerable<EncodedRow> Prepared()
    {
        foreach (WindowRow window in windows) (window.Index, window.Question) = (Index, this);
        return windows;
    }

    internal override void Write(RowWriter writer)
    {
        writer.Text(example.Question);
        writer.Text(example.Context);
        writer.OptionalText(example.Id);
        writer.OptionalText(example.Title);
        writer.Flag(example.IsImpossible);
        writer.Real(example.Weight);
        writer.Count(example.Answers.Count);
        foreach (GivenAnswer answer in example.Answers)
        {
            writer.Text(answer.Text);
            writer.Number(answer.Start);
        }
        writer.Count(windows.Length);
        foreach (WindowRow window in windows) window.WriteOwn(writer);
    }

    internal static QuestionRow Read(ref RowReader reader)
    {
        (string question, string context, string? id, string? title) = (reader.Text(), reader.Text(), reader.OptionalText(), reader.OptionalText());
        (bool isImpossible, double weight) = (reader.Flag(), reader.Real());
        // An answer takes three bytes at least, a window more than twelve.
        var answers = new GivenAnswer[reader.Length(bytesEach: 3)];
        for (int i = 0; i < answers.Length; i++) answers[i] = new(reader.Text(), reader.SmallNumber());
        var windows = new WindowRow[reader.Length(bytesEach: 12)];
        if (windows.Length == 0) throw RowReader.Damaged("a question has no window");
        for (int i = 0; i < windows.Length; i++) windows[i] = WindowRow.ReadOwn(ref reader);
        var example = new AnsweredQuestion(question, context, answers) { Id = id, Title = title, IsImpossible = isImpossible, Weight = weight };
        return new(example, windows) { Index = reader.Index };
    }
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

    // The question goes with each of its windows.
    internal override void Write(RowWriter writer)
    {
        writer.Count(Array.IndexOf(Question!.Windows, this));
        Question.Write(writer);
    }

    internal static new WindowRow Read(ref RowReader reader)
    {
        int own = reader.Count();
        QuestionRow question = QuestionRow.Read(ref reader);
        return own < question.Windows.Length ? (WindowRow)question.Prepared().ElementAt(own) : throw RowReader.Damaged("its window is missing");
    }

    internal void WriteOwn(RowWriter writer)
    {
        WriteTokens(writer);
        writer.Count(Window.First);
        writer.Numbers(Window.Starts);
        writer.Numbers(Window.Ends);
        writer.Flag(Fullest is not null);
        if (Fullest is not null) writer.Flags(Fullest);
        writer.Ids([Target.Start, Target.End]);
        writer.Real(TargetCount);
    }

    internal static WindowRow ReadOwn(ref RowReader reader)
    {
        (int[] ids, int[]? types) = ReadTokens(ref reader);
        var window = new SpanWindow(reader.Count(), reader.Numbers(), reader.Numbers());
        bool[]? fullest = reader.Flag() ? reader.Flags() : null;
        if (reader.Ids() is not [int start, int end] || Math.Max(Math.Max(start, end), window.First) >= ids.Length
            || window.Starts.Length != window.Ends.Length || window.Last >= ids.Length)
            throw RowReader.Damaged("a window does not fit its tokens");
        return new(ids, types, window, fullest, (start, end), reader.Real());
    }

    /// <summary>First and last tokens, [rows, 2], int64.</summary>
    public static Tensor Targets(TokenizedBatch batch, Device device) =>
        tensor(batch.Rows.Select(OwnRows.Of<WindowRow>).SelectMany(row => new long[] { row.Target.Start, row.Target.End }).ToArray(),
            [batch.Rows.Count, 2], ScalarType.Int64, device);

    /// <summary>The rows' weights, [rows], float32; null where all are 1.</summary>
    public static Tensor? Weights(TokenizedBatch batch, Device device) => batch.Rows.All(row => row.TargetCount == 1)
        ? null
        : tensor(batch.Rows.Select(row => (float)row.TargetCount).ToArray(), ScalarType.Float32, device);
}
