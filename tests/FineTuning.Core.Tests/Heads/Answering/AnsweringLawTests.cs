using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Answering;

/// <summary>Laws of windows, search and loss: everything is covered, padding and order change nothing, what is wrong is counted and named.</summary>
public sealed class AnsweringLawTests : IDisposable
{
    private readonly TinyAnswerer _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Theory]
    [InlineData(48, 0)]
    [InlineData(48, 12)]
    [InlineData(20, 9)]
    [InlineData(14, 3)]
    public void Windows_cover_the_whole_text_and_find_any_answer(int length, int stride)
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { MaximumLength = length, Stride = stride });
        string context = TinyAnswerer.Data(1, 1, false, 200)[0].Context + " \U0001F680 old";
        AnswerWindow[] windows = model.WindowsOf("what is it?", context);
        int[] whole = model.Tokenizer.Encode(context, null, new() { AddSpecialTokens = false }).Starts;
        var covered = new int[whole.Length];
        foreach (AnswerWindow window in windows)
        {
            Assert.True(window.Tokens.Ids.Length <= length);
            for (int i = window.First; i <= window.Last; i++)
            {
                Assert.Equal(whole[window.Origin + i - window.First], window.Tokens.Starts[i]);
                covered[window.Origin + i - window.First]++;
            }
        }
        Assert.DoesNotContain(0, covered);
        Assert.Equal((windows.Length - 1) * stride, covered.Sum() - covered.Length);
        int[] ends = model.Tokenizer.Encode(context, null, new() { AddSpecialTokens = false }).Ends;
        for (int start = 0; start < whole.Length; start++)
        {
            int end = Math.Min(whole.Length - 1, start + stride);
            (int Start, int End)[] places = [.. windows.Select(window => window.Locate(whole[start], ends[end]))];
            Assert.Contains(places, place => place.End > 0);
            Assert.Equal(context[whole[start]..ends[end]], Found(windows, places, context));
        }
    }

    [Fact]
    public void Padding_and_order_of_questions_change_nothing()
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { AllowsNoAnswer = true, Stride = 8 });
        (string, string)[] inputs = [.. TinyAnswerer.Data(30, 5, true, 90).Select(example => (example.Question, example.Context))];
        AnswerSpan[] together = [.. model.PredictBatch(inputs)];
        AnswerSpan[] backwards = [.. model.PredictBatch([.. inputs.Reverse()]).Reverse()];
        for (int i = 0; i < inputs.Length; i++)
        {
            AnswerSpan alone = model.Predict(inputs[i]);
            foreach (AnswerSpan other in new[] { together[i], backwards[i] })
            {
                Assert.Equal(alone.NoAnswerMargin!.Value, other.NoAnswerMargin!.Value, 1e-4);
                Assert.Equal(alone.Candidates[0].Score, other.Candidates[0].Score, 1e-4);
            }
        }
    }

    [Fact]
    public void The_loss_of_a_padded_batch_is_the_sum_of_its_rows_and_without_padding_the_references()
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { MaximumLength = 40 });
        EncodedRow[] questions = [.. TinyAnswerer.Data(6, 9, false, 100).Select((example, i) => Encoded(model, example, i))];
        IReadOnlyList<EncodedRow> rows = model.PrepareRows(questions);
        Assert.True(rows.Count > questions.Length);
        using var scope = NewDisposeScope();
        double whole = Loss(model, rows, rows.Max(row => row.Length) + 2), alone = rows.Sum(row => Loss(model, [row], row.Length));
        Assert.Equal(alone, whole, 1e-3);

        Tensor logits = randn(3, 7, 2), targets = tensor(new long[,] { { 0, 0 }, { 2, 4 }, { 6, 6 } });
        Tensor reference = nn.functional.cross_entropy(logits.select(2, 0), targets.select(1, 0)).Plus(nn.functional.cross_entropy(logits.select(2, 1), targets.select(1, 1))) / Held(2);
        Assert.Equal(reference.item<float>(), SpanLoss.Sum(logits, targets, null, null).item<float>() / 3, 1e-5);
        Assert.Equal(SpanLoss.Sum(logits, targets, null, null).item<float>(), SpanLoss.Sum(logits, targets, ones(3, 7, dtype: ScalarType.Bool), ones(3)).item<float>(), 1e-5);
    }

    [Fact]
    public void Answers_that_stand_elsewhere_are_left_out_repaired_or_refused_as_told()
    {
        var moved = new AnsweredQuestion("what?", "red house. red tree", new GivenAnswer("red", 9)) { Id = "moved" };
        var gone = new AnsweredQuestion("what?", "red house", new GivenAnswer("blue", 0)) { Id = "gone" };
        var second = new AnsweredQuestion("what?", "red house", new GivenAnswer("blue", 0), new GivenAnswer("house", 4)) { Id = "second" };
        using (QuestionAnswerer model = _tiny.Load())
        {
            var report = new EncodingReport();
            Assert.Null(model.Encode(moved, report));
            Assert.Null(model.Encode(gone, report));
            Assert.NotNull(model.Encode(second, report));
            Assert.Equal(2, report.Summary().Skipped.Single().Value);
            Assert.Equal(["gone", "moved"], report.Summary().Names[report.Summary().Skipped.Single().Key]);
            Assert.Equal(1, report.Summary().Notes.Single().Value);
        }
        using (QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { MismatchedAnswers = MismatchedAnswers.Repair }))
        {
            var report = new EncodingReport();
            var row = (QuestionRow)model.Encode(moved, report)!;
            Assert.Equal(11, row.Windows[0].Window.Starts[row.Windows[0].Target.Start - row.Windows[0].Window.First]);
            Assert.Null(model.Encode(gone, report));
            Assert.Equal(1, report.Summary().Notes.Single().Value);
        }
        using (QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { MismatchedAnswers = MismatchedAnswers.Refuse }))
        {
            Assert.Contains("(moved)", Assert.Throws<TrainingDataException>(() => model.Encode(moved, new EncodingReport())).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Windows_without_the_answer_point_at_the_first_token_and_lost_answers_teach_nothing()
    {
        using QuestionAnswerer model = _tiny.Load(new QuestionAnswererOptions { MaximumLength = 16, Stride = 0, AllowsNoAnswer = true });
        var report = new EncodingReport();
        string context = string.Join(' ', Enumerable.Repeat("old tree", 30));
        var row = (QuestionRow)model.Encode(new("what is it?", context, new GivenAnswer("tree", 4)), report)!;
        Assert.NotEqual((0, 0), row.Windows[0].Target);
        Assert.All(row.Windows.Skip(1), window => Assert.Equal((0, 0), window.Target));
        Assert.Equal(row.Windows.Length, row.TargetCount);
        Assert.All(((QuestionRow)model.Encode(new("what is it?", context), report)!).Windows, window => Assert.Equal((0, 0), window.Target));
        Assert.Empty(report.Summary().Notes);
        Assert.Equal(0, model.Encode(new("what is it?", context, new GivenAnswer(context[..180], 0)), report)!.TargetCount);
        Assert.Equal(1, report.Summary().Notes.Single().Value);
        string question = string.Join(' ', Enumerable.Repeat("what", 20));
        Assert.Null(model.Encode(new(question, context, new GivenAnswer("tree", 4)), report));
        Assert.Null(model.Encode(new("what?", " "), report));
        Assert.Equal(2, report.Summary().Skipped.Values.Sum());
        Assert.Throws<ArgumentException>(() => model.Predict(question, context));
        Assert.False(model.Predict("what?", "").HasAnswer);
    }

    [Fact]
    public void Options_are_checked_all_at_once_and_a_missing_answer_is_an_error_where_none_is_allowed()
    {
        var wrong = new QuestionAnswererOptions { Stride = -1, CandidateCount = 0, LongestAnswer = 0, NoAnswerThreshold = double.NaN, MismatchedAnswers = (MismatchedAnswers)9, Dropout = 1 };
        Assert.Equal(6, Assert.Throws<InvalidOptionsException>(() => _tiny.Load(wrong)).Violations.Count);
        Assert.Throws<InvalidOptionsException>(() => _tiny.Load(new QuestionAnswererOptions { MaximumLength = 20, Stride = 17 }));
        using QuestionAnswerer model = _tiny.Load();
        Assert.Contains("AllowsNoAnswer", Assert.Throws<TrainingDataException>(() => model.Encode(new("what?", "red"), new EncodingReport())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lying_settings_file_is_refused()
    {
        foreach (string text in new[] { "{", "[]", "{\"stride\":-1}", "{\"stride\":\"a\"}", "{\"maximum_length\":8,\"stride\":8}", new string(' ', 70_000) })
        {
            File.WriteAllText(Path.Combine(_tiny.Folder, "question_answering.json"), text);
            Assert.Throws<CheckpointException>(() => _tiny.Load());
        }
    }

    /// <summary>What the search finds if the network is sure of one place in each window.</summary>
    private static string Found(AnswerWindow[] windows, (int Start, int End)[] places, string context)
    {
        var search = new AnswerSearch(new SearchRules(3, 100));
        for (int w = 0; w < windows.Length; w++)
        {
            var logits = new float[windows[w].Tokens.Ids.Length * 2];
            if (places[w].End > 0) (logits[2 * places[w].Start], logits[(2 * places[w].End) + 1]) = (10, 10);
            search.Add(SpanWindow.Of(windows[w]), logits, null);
        }
        return search.Answer(context, allowsNoAnswer: false, 0).Text;
    }

    private static EncodedRow Encoded(QuestionAnswerer model, AnsweredQuestion example, int index)
    {
        EncodedRow row = model.Encode(example, new EncodingReport())!;
        row.Index = index;
        return row;
    }

    private static double Loss(QuestionAnswerer model, IReadOnlyList<EncodedRow> rows, int length) =>
        model.SumLoss(model.Collate(rows, length), ForwardContext.Evaluation()).item<float>();
}
