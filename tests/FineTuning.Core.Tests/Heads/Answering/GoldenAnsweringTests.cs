using System.Globalization;
using System.Text.Json;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Answering;

/// <summary>Windows, training labels, logits and n-best lists against the reference's question answering, on every checkpoint that has such cases.</summary>
public sealed class GoldenAnsweringTests
{
    public static TheoryData<string> Folders()
    {
        var folders = new TheoryData<string>();
        if (Goldens.Folder("pipelines") is not { } root) return folders;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            string cases = Path.Combine(folder, "cases.jsonl");
            if (File.Exists(cases) && File.ReadLines(cases).Any(line => line.Contains("\"question-answering-features\"", StringComparison.Ordinal))) folders.Add(Path.GetFileName(folder));
        }
        return folders;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Folders))]
    public void Equals_the_reference(string name)
    {
        string folder = Goldens.Require("pipelines", name);
        if (!ModelFamilies.Supports(folder)) Assert.Skip($"{name}: no supported encoder");
        using var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        var features = new Dictionary<string, Feature>();
        var differences = new List<string>();
        foreach (string line in File.ReadLines(Path.Combine(folder, "cases.jsonl")))
        {
            JsonElement test = JsonDocument.Parse(line).RootElement;
            string id = $"case {test.GetProperty("id")}: ";
            if (test.GetProperty("task").GetString() == "question-answering-features")
            {
                var feature = new Feature(folder, test, golden);
                features[test.GetProperty("tag").GetString()!] = feature;
                differences.AddRange(feature.Differences.Select(difference => id + difference));
            }
            else if (test.GetProperty("task").GetString() == "question-answering" && features.TryGetValue(test.GetProperty("inputs").GetProperty("tag").GetString()!, out Feature? feature))
            {
                if (CheckAnswer(folder, feature, test) is { } difference) differences.Add(id + difference);
            }
        }
        Assert.NotEmpty(features);
        Assert.True(differences.Count == 0, string.Join(Environment.NewLine, differences.Take(12)));
    }

    private static string? CheckAnswer(string folder, Feature feature, JsonElement test)
    {
        JsonElement options = test.GetProperty("options"), expected = test.GetProperty("expected");
        bool second = options.GetProperty("version_2").GetBoolean(), fullest = options.GetProperty("max_context").GetBoolean();
        double threshold = options.GetProperty("null_threshold").GetDouble();
        var rules = new SearchRules(options.GetProperty("n_best").GetInt32(), options.GetProperty("max_answer_length").GetInt32());
        var search = new AnswerSearch(rules);
        bool[][]? where = fullest ? AnswerWindows.Fullest(feature.Windows) : null;
        // The reference ranks the logits of padding too: they are given here, and left out where the library predicts.
        for (int i = 0; i < feature.Windows.Length; i++) search.Add(SpanWindow.Of(feature.Windows[i]), feature.Logits[i], where?[i]);
        if (Compare(feature.Context, expected, search.Answer(feature.Context, second, threshold), second) is { } difference) return difference;
        if (!feature.IsFull) return null;

        using QuestionAnswerer model = Pretrained.QuestionAnswerer(folder, feature.Options with
        {
            CandidateCount = rules.Count, LongestAnswer = rules.LongestAnswer, AllowsNoAnswer = second, NoAnswerThreshold = threshold, FullestContextOnly = fullest,
        });
        return Compare(feature.Context, expected, model.Predict(feature.Question, feature.Context), second) is { } other ? "end to end: " + other : null;
    }

    private static string? Compare(string context, JsonElement expected, AnswerSpan found, bool second)
    {
        JsonElement[] wanted = [.. expected.GetProperty("n_best").EnumerateArray()];
        // Where nothing can be answered the reference makes up an answer "empty"; here there is none.
        if (wanted[0][1].ValueKind == JsonValueKind.Null) return found.HasAnswer ? $"'{found.Text}' instead of nothing" : null;
        if (wanted.Length != found.Candidates.Count) return $"{found.Candidates.Count} candidates instead of {wanted.Length}";
        for (int i = 0; i < wanted.Length; i++)
        {
            AnswerCandidate own = found.Candidates[i];
            int start = CodePoints(context, own.Start), end = CodePoints(context, own.End);
            bool same = wanted[i][0].GetString() == own.Text && wanted[i][1].GetInt32() == start && wanted[i][2].GetInt32() == end
                && Near(wanted[i][3].GetDouble(), own.Score, 1e-4) && Near(wanted[i][4].GetDouble(), own.Probability, 1e-3);
            if (!same) return $"candidate {i}: {own} instead of {wanted[i]}";
        }
        if (second && !Near(expected.GetProperty("null_minus_best").GetDouble(), found.NoAnswerMargin!.Value, 2e-4)) return $"margin {found.NoAnswerMargin} instead of {expected.GetProperty("null_minus_best")}";
        string answer = expected.GetProperty("answer").GetString()!;
        // Version 1 of the reference may answer with a token that covers no text; here the best one that does is given.
        if (answer.Length == 0 && !second) return null;
        return answer == found.Text ? null : $"'{found.Text}' instead of '{answer}'";
    }

    private static bool Near(double expected, double found, double tolerance) => Math.Abs(expected - found) <= tolerance * Math.Max(1, Math.Abs(expected));

    private static int CodePoints(string text, int units) => text[..units].EnumerateRunes().Count();

    private static int Units(string text, int codePoints) => text.EnumerateRunes().Take(codePoints).Sum(rune => rune.Utf16SequenceLength);

    /// <summary>A question with its windows, checked as it is made.</summary>
    private sealed class Feature
    {
        public Feature(string folder, JsonElement test, SafetensorsFile golden)
        {
            JsonElement inputs = test.GetProperty("inputs"), options = test.GetProperty("options");
            (Question, Context) = (inputs.GetProperty("question").GetString()!, inputs.GetProperty("context").GetString()!);
            int length = options.GetProperty("max_length").GetInt32();
            Options = new QuestionAnswererOptions { MaximumLength = length, Stride = options.GetProperty("doc_stride").GetInt32() };
            using QuestionAnswerer model = Pretrained.QuestionAnswerer(folder, Options);
            Windows = model.WindowsOf(Question, Context);
            JsonElement[] expected = [.. test.GetProperty("expected").EnumerateArray()];
            if (expected.Length != Windows.Length)
            {
                Differences.Add($"{Windows.Length} windows instead of {expected.Length}");
                return;
            }
            bool[][] fullest = AnswerWindows.Fullest(Windows);
            JsonElement? answer = inputs.TryGetProperty("answer", out JsonElement given) && given.ValueKind == JsonValueKind.Object ? given : null;
            for (int i = 0; i < Windows.Length; i++) if (CompareWindow(expected[i], Windows[i], fullest[i], answer) is { } difference) Differences.Add($"window {i}: {difference}");
            Logits = Compute(model, length);
            string tag = test.GetProperty("tag").GetString()!;
            CompareLogits(golden, tag + ".start_logits", 0);
            CompareLogits(golden, tag + ".end_logits", 1);
            IsFull = Windows.All(window => window.Tokens.Ids.Length == length);
        }

        public string Question { get; }

        public string Context { get; }

        public QuestionAnswererOptions Options { get; }

        public AnswerWindow[] Windows { get; }

        /// <summary>[length, 2] of each window, padded as the reference does.</summary>
        public float[][] Logits { get; } = [];

        /// <summary>Whether no window is padded.</summary>
        public bool IsFull { get; }

        public List<string> Differences { get; } = [];

        private string? CompareWindow(JsonElement expected, AnswerWindow window, bool[] fullest, JsonElement? answer)
        {
            int[] ids = [.. expected.GetProperty("input_ids").GetString()!.Split(' ').Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            int[] mask = Runs(expected, "attention_mask"), sequences = Runs(expected, "sequence_ids"), best = Runs(expected, "max_context");
            string[] offsets = expected.GetProperty("offsets").GetString()!.Split(' ');
            int real = mask.Sum();
            if (real != window.Tokens.Ids.Length || !ids.AsSpan(0, real).SequenceEqual(window.Tokens.Ids)) return "ids";
            string question = Question.TrimStart();
            for (int i = 0; i < real; i++)
            {
                if (sequences[i] != window.Tokens.SequenceIds[i]) return $"token {i} is of text {window.Tokens.SequenceIds[i]}";
                string text = sequences[i] == 0 ? question : Context;
                string own = $"{CodePoints(text, window.Tokens.Starts[i])}-{CodePoints(text, window.Tokens.Ends[i])}";
                if (own != offsets[i]) return $"token {i} stands at {own} instead of {offsets[i]}";
                if (best[i] == 1 != fullest[i]) return $"token {i} has its fullest context: {fullest[i]}";
            }
            if (expected.TryGetProperty("token_type_ids", out _) && !Runs(expected, "token_type_ids").AsSpan(0, real).SequenceEqual(window.Tokens.TypeIds)) return "types";
            if (answer is null || !expected.TryGetProperty("start_position", out JsonElement position)) return null;
            int start = answer.Value.GetProperty("answer_start").GetInt32(), from = Units(Context, start);
            (int Start, int End) target = window.Locate(from, from + answer.Value.GetProperty("text").GetString()!.Length);
            return target == (position.GetInt32(), expected.GetProperty("end_position").GetInt32()) ? null : $"labels {target} instead of ({position}, {expected.GetProperty("end_position")})";
        }

        private float[][] Compute(QuestionAnswerer model, int length)
        {
            using var scope = NewDisposeScope();
            using var gradients = no_grad();
            bool typed = model.Trunk.Plan.TypeVocabularySize > 1;
            TokenizedRow[] rows = [.. Windows.Select(window => new TokenizedRow(window.Tokens.Ids, typed ? window.Tokens.TypeIds : null))];
            float[] values = model.Head.Logits(TokenizedBatch.Stack(rows, length, model.Tokenizer.PadId!.Value, CPU), ForwardContext.Evaluation()).data<float>().ToArray();
            return [.. values.Chunk(length * 2)];
        }

        private void CompareLogits(SafetensorsFile golden, string name, int side)
        {
            float[] expected = golden.Read(name).data<float>().ToArray();
            int length = Logits[0].Length / 2;
            for (int i = 0; i < expected.Length; i++)
            {
                (int window, int token) = (i / length, i % length);
                if (token >= Windows[window].Tokens.Ids.Length || Near(expected[i], Logits[window][(2 * token) + side], 1e-4)) continue;
                Differences.Add($"{name}: {Logits[window][(2 * token) + side]} instead of {expected[i]} at token {token} of window {window}");
                return;
            }
        }

        private static int[] Runs(JsonElement expected, string name) =>
            [.. expected.GetProperty(name).GetString()!.Split(' ').Select(run => run.Split('x')).SelectMany(run => Enumerable.Repeat(int.Parse(run[0], CultureInfo.InvariantCulture), int.Parse(run[1], CultureInfo.InvariantCulture)))];
    }
}
