using FineTuning.Errors;
using FineTuning.Heads;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>A head that was trained for one purpose is not read as another in silence.</summary>
public sealed class ProblemTypeTests : IDisposable
{
    private static readonly string Starter = Goldens.Starter;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"problem-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void The_folder_says_which_class_opens_it()
    {
        string[] labels = ["a", "b"];
        using (TextMultiLabeler<string> model = Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = labels })) model.Save(_folder);
        string refusal = Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(_folder)).Message;
        Assert.Contains("multi_label_classification", refusal, StringComparison.Ordinal);
        Assert.Contains("Pretrained.TextMultiLabeler", refusal, StringComparison.Ordinal);
        using (TextMultiLabeler<string> again = Pretrained.TextMultiLabeler<string>(_folder)) Assert.Equal(labels, again.LabelSet.Names);

        // Who says that the head is to be trained anew may use it for anything.
        using (TextClassifier<string> other = Pretrained.TextClassifier(_folder, new TextClassifierOptions<string> { FreshHead = true })) other.Save(_folder);
        Assert.Contains("Pretrained.TextClassifier", Assert.Throws<CheckpointException>(() => Pretrained.TextMultiLabeler<string>(_folder)).Message, StringComparison.Ordinal);
        using (TextClassifier<string> own = Pretrained.TextClassifier<string>(_folder)) Assert.Equal(labels, own.LabelSet.Names);

        using (TextRegressor regressor = Pretrained.TextRegressor(Starter)) regressor.Save(_folder);
        using (TextRegressor regressor = Pretrained.TextRegressor(_folder)) Assert.Empty(regressor.Head.LoadReport.Fresh);
    }

    [Theory]
    [InlineData("\"ranking\"", "known")]
    [InlineData("7", "problem_type")]
    public void An_unknown_type_is_refused(string value, string part)
    {
        using (TextClassifier<bool> model = Pretrained.TextClassifier<bool>(Starter)) model.Save(_folder);
        string path = Path.Combine(_folder, "config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"single_label_classification\"", value, StringComparison.Ordinal));
        Assert.Contains(part, Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<bool>(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_says_nothing_is_opened_by_any()
    {
        using (TextClassifier<string> model = Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"] })) model.Save(_folder);
        string path = Path.Combine(_folder, "config.json");
        string config = File.ReadAllText(path);
        File.WriteAllText(path, config.Replace("\"problem_type\": \"single_label_classification\"", "\"unused\": 0", StringComparison.Ordinal));
        Assert.NotEqual(config, File.ReadAllText(path));
        using TextMultiLabeler<string> labeler = Pretrained.TextMultiLabeler<string>(_folder);
        Assert.Empty(labeler.Head.LoadReport.Fresh);
    }
}
