using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Heads;
using Xunit;

namespace FineTuning.Tests.Heads.Naming;

/// <summary>Labels are found in a checkpoint by their names: in any order, in another case where that is plain, and never by their places.</summary>
public sealed class LabelIdentityTests
{
    private static readonly string[] Texts = ["what a good day", "so bad", "the train leaves at nine", "I like it"];

    private enum Mood
    {
        Positive,
        Negative,
        Neutral,
    }

    private enum Other
    {
        Positive,
        Negative,
        Mixed,
    }

    private static string Folder => Goldens.Require("pipelines", "bert-classify");

    [Theory]
    [InlineData("positive", "negative", "neutral")]
    [InlineData("neutral", "positive", "negative")]
    [InlineData("POSITIVE", "Neutral", "negative")]
    public void A_list_in_another_order_or_case_has_the_same_scores(params string[] labels)
    {
        using TextClassifier<string> own = Pretrained.TextClassifier<string>(Folder), listed = Pretrained.TextClassifier(Folder, new TextClassifierOptions<string> { Labels = labels });
        Assert.Empty(listed.Head.LoadReport.Fresh);
        Assert.Equal(labels.Order(StringComparer.Ordinal), listed.LabelSet.Labels.Order(StringComparer.Ordinal));
        foreach (string text in Texts) SameScores(own.Predict(text), listed.Predict(text), label => label);
    }

    [Fact]
    public void An_enum_with_other_members_first_has_the_same_scores_and_keeps_the_names()
    {
        using var folder = new EditedFolder(Folder);
        using TextClassifier<string> own = Pretrained.TextClassifier<string>(Folder);
        using (TextClassifier<Mood> model = Pretrained.TextClassifier<Mood>(Folder))
        {
            foreach (string text in Texts) SameScores(own.Predict(text), model.Predict(text), label => label.ToString());
            model.Save(folder.Saved);
        }
        using TextClassifier<string> again = Pretrained.TextClassifier(folder.Saved, new TextClassifierOptions<string> { Labels = ["positive", "neutral", "negative"] });
        foreach (string text in Texts) SameScores(own.Predict(text), again.Predict(text), label => label);
        Assert.Equal(own.LabelSet.Names, again.LabelSet.Names);
    }

    [Fact]
    public void A_multi_labeler_finds_its_labels_too()
    {
        using var folder = new EditedFolder(Folder, config => config["problem_type"] = "multi_label_classification");
        using TextMultiLabeler<string> own = Pretrained.TextMultiLabeler<string>(folder.Path), listed = Pretrained.TextMultiLabeler(folder.Path, new TextMultiLabelerOptions<string> { Labels = ["Positive", "NEGATIVE", "neutral"] });
        using TextMultiLabeler<Mood> mood = Pretrained.TextMultiLabeler<Mood>(folder.Path);
        foreach (string text in Texts)
        {
            Dictionary<string, double> expected = own.Predict(text).Scores.ToDictionary(score => score.Label, score => score.Score, StringComparer.OrdinalIgnoreCase);
            Assert.All(listed.Predict(text).Scores, score => Assert.Equal(expected[score.Label], score.Score));
            Assert.All(mood.Predict(text).Scores, score => Assert.Equal(expected[score.Label.ToString()], score.Score));
        }
        Assert.Contains("Mixed", Assert.Throws<CheckpointException>(() => Pretrained.TextMultiLabeler<Other>(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("positive", "negative", "mixed")]
    [InlineData("positive", "negative")]
    [InlineData("positive", "negative", "neutral", "mixed")]
    [InlineData("LABEL_0", "LABEL_1", "LABEL_2")]
    public void Other_names_are_refused_with_both_lists_or_learned_anew(params string[] labels)
    {
        string message = Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier(Folder, new TextClassifierOptions<string> { Labels = labels })).Message;
        Assert.Contains("negative, neutral, positive", message, StringComparison.Ordinal);
        Assert.Contains(string.Join(", ", labels), message, StringComparison.Ordinal);
        Assert.Contains("FreshHead", message, StringComparison.Ordinal);
        using TextClassifier<string> fresh = Pretrained.TextClassifier(Folder, new TextClassifierOptions<string> { Labels = labels, FreshHead = true });
        Assert.Equal(labels, fresh.LabelSet.Names);
        Assert.Equal(["bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"], fresh.Head.LoadReport.Fresh);
    }

    [Fact]
    public void Enums_and_bools_with_other_names_are_refused()
    {
        Assert.Contains("Positive, Negative, Mixed", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<Other>(Folder)).Message, StringComparison.Ordinal);
        using var folder = new EditedFolder(Folder);
        using (TextClassifier<string> two = Pretrained.TextClassifier(Folder, new TextClassifierOptions<string> { Labels = ["NEGATIVE", "POSITIVE"], FreshHead = true })) two.Save(folder.Saved);
        string message = Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<bool>(folder.Saved)).Message;
        Assert.Contains("NEGATIVE, POSITIVE", message, StringComparison.Ordinal);
        Assert.Contains("false, true", message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier(folder.Saved, new TextClassifierOptions<bool> { Labels = [true, false] }));
        using (TextClassifier<bool> yes = Pretrained.TextClassifier(Folder, new TextClassifierOptions<bool> { FreshHead = true, Labels = [true, false] })) yes.Save(folder.Saved);
        using TextClassifier<bool> opened = Pretrained.TextClassifier<bool>(folder.Saved);
        Assert.Equal([true, false], opened.LabelSet.Labels);
    }

    [Fact]
    public void A_case_that_could_be_two_is_refused()
    {
        using var folder = new EditedFolder(Folder, EditedFolder.Named("us", "US", "them"));
        foreach (string[] labels in new[] { new[] { "Us", "US", "them" }, ["uS", "Us", "them"], ["us", "us2", "THEM"] })
        {
            Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<string> { Labels = labels }));
        }
        using TextClassifier<string> model = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<string> { Labels = ["THEM", "US", "us"] });
        Assert.Equal(["us", "US", "THEM"], model.LabelSet.Labels);
        folder.Edit(EditedFolder.Named("a", "a", "b"));
        Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<string> { Labels = ["a", "A", "b"] }));
        Assert.Contains("twice", Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier<string>(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_without_names_need_an_order_that_is_stated()
    {
        using var folder = new EditedFolder(Folder, EditedFolder.Named("LABEL_0", "LABEL_1", "LABEL_2"));
        foreach (Action<JsonObject> edit in new Action<JsonObject>[] { _ => { }, config => config.Remove("id2label"), config => config.Remove("architectures") })
        {
            folder.Edit(edit);
            string message = Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<Mood>(folder.Path)).Message;
            Assert.Contains("Labels = [...]", message, StringComparison.Ordinal);
            Assert.Contains("FreshHead", message, StringComparison.Ordinal);
            Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier<string>(folder.Path));
            using TextClassifier<Mood> stated = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<Mood> { Labels = [Mood.Negative, Mood.Neutral, Mood.Positive] });
            using TextClassifier<string> own = Pretrained.TextClassifier<string>(Folder);
            foreach (string text in Texts) SameScores(own.Predict(text), stated.Predict(text), label => label.ToString());
        }
    }

    [Fact]
    public void A_base_model_takes_any_labels()
    {
        string starter = Goldens.Starter;
        using var folder = new EditedFolder(starter, EditedFolder.Named("LABEL_0", "LABEL_1"));
        using TextClassifier<Mood> model = Pretrained.TextClassifier<Mood>(folder.Path);
        Assert.Equal([Mood.Positive, Mood.Negative, Mood.Neutral], model.LabelSet.Labels);
        // Its pooler was pretrained with the trunk, which a fresh head does not change.
        Assert.Equal(["classifier.weight", "classifier.bias"], model.Head.LoadReport.Fresh);
        using TextClassifier<bool> fresh = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<bool> { FreshHead = true });
        Assert.Equal(["classifier.weight", "classifier.bias"], fresh.Head.LoadReport.Fresh);
    }

    [Fact]
    public void Names_that_are_numbers_are_read()
    {
        using var folder = new EditedFolder(Folder, config => config["id2label"] = new JsonObject { ["0"] = 30, ["1"] = 10, ["2"] = 20 });
        folder.Edit(config => config.Remove("label2id"));
        using TextClassifier<string> names = Pretrained.TextClassifier<string>(folder.Path);
        Assert.Equal(["30", "10", "20"], names.LabelSet.Names);
        using TextClassifier<int> numbers = Pretrained.TextClassifier<int>(folder.Path), listed = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<int> { Labels = [10, 20, 30] });
        Assert.Equal([30, 10, 20], numbers.LabelSet.Labels);
        Assert.Equal([30, 10, 20], listed.LabelSet.Labels);
        folder.Edit(EditedFolder.Named("1", "2", "300"));
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier<byte>(folder.Path));
        Assert.Throws<InvalidOptionsException>(() => Pretrained.TextClassifier<Guid>(folder.Path));
    }

    [Fact]
    public void Names_the_other_way_round_are_read_and_contradictions_refused()
    {
        using var folder = new EditedFolder(Folder, config => config["label2id"] = new JsonObject { ["good"] = 2, ["bad"] = 0, ["so"] = 1 });
        folder.Edit(config => config.Remove("id2label"));
        using (TextClassifier<string> model = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<string> { Labels = ["good", "so", "bad"] })) Assert.Equal(["bad", "so", "good"], model.LabelSet.Labels);
        folder.Edit(config => config["id2label"] = new JsonObject { ["0"] = "good", ["1"] = "so", ["2"] = "bad" });
        Assert.Contains("label2id", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(folder.Path)).Message, StringComparison.Ordinal);
        folder.Edit(config => config["label2id"] = new JsonObject { ["good"] = 0, ["bad"] = "x" });
        Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(folder.Path));
        folder.Edit(EditedFolder.Named("a", "b", "c"));
        folder.Edit(config => config["id2label"] = new JsonObject { ["1"] = "a", ["2"] = "b", ["3"] = "c" });
        Assert.Contains("from 0 to 2", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<string>(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static void SameScores<TLabel>(Classification<string> expected, Classification<TLabel> found, Func<TLabel, string> name)
    {
        Dictionary<string, double> scores = expected.Scores.ToDictionary(score => score.Label, score => score.Score, StringComparer.OrdinalIgnoreCase);
        Assert.Equal(expected.Label, name(found.Label), ignoreCase: true);
        Assert.All(found.Scores, score => Assert.Equal(scores[name(score.Label)], score.Score));
    }
}
