using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Heads;
using Xunit;

namespace FineTuning.Tests.Heads.Naming;

/// <summary>Further ways in which labels and tags are written: the answers are those of the names.</summary>
public sealed class FurtherIdentityTests
{
    private enum Direction
    {
        [System.ComponentModel.Description("first0")]
        Up,

        [System.ComponentModel.Description("second0")]
        Down,
    }

    private enum Numbered
    {
        Second0 = 0,
        First0 = 7,
    }

    [Fact]
    public void Members_of_an_enum_are_found_by_their_names_whatever_their_numbers_and_attributes()
    {
        using TextClassifier<string> names = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        using TextClassifier<Numbered> numbered = Pretrained.TextClassifier<Numbered>(Checkpoints.Classifier);
        Assert.Equal(names.Predict("a b").Label, numbered.Predict("a b").Label.ToString().ToLowerInvariant());
        Assert.Equal(names.Predict("a b").Confidence, numbered.Predict("a b").Confidence);
        // An attribute is for people: a name that is not a member's is another name.
        Assert.Contains("Up, Down", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<Direction>(Checkpoints.Classifier)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Truth_is_found_by_its_name_in_any_order_and_case_but_not_behind_generic_names()
    {
        using var folder = new EditedFolder(Checkpoints.Classifier, EditedFolder.Named("first0", "second0"));
        using TextClassifier<string> strings = Pretrained.TextClassifier<string>(folder.Path);
        Classification<string> expected = strings.Predict("a b");
        foreach ((string first, string second) in new[] { ("True", "False"), ("true", "false"), ("TRUE", "FALSE") })
        {
            folder.Edit(EditedFolder.Named(first, second));
            using TextClassifier<bool> model = Pretrained.TextClassifier<bool>(folder.Path);
            Assert.Equal(expected.Label == "first0", model.Predict("a b").Label);
        }
        folder.Edit(EditedFolder.Named("LABEL_0", "LABEL_1"));
        Assert.Contains("Labels = [...]", Assert.Throws<CheckpointException>(() => Pretrained.TextClassifier<bool>(folder.Path)).Message, StringComparison.Ordinal);
        using TextClassifier<bool> stated = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<bool> { Labels = [true, false] });
        Assert.Equal(expected.Label == "first0", stated.Predict("a b").Label);
        folder.Edit(EditedFolder.Named("LABEL_1", "LABEL_0"));
        using TextClassifier<string> swapped = Pretrained.TextClassifier(folder.Path, new TextClassifierOptions<string> { Labels = ["LABEL_0", "LABEL_1"] });
        Assert.Equal(expected.Label == "first0" ? "LABEL_1" : "LABEL_0", swapped.Predict("a b").Label);
    }

    [Theory]
    [InlineData("""{"0":"a","0":"b"}""")]
    [InlineData("""{"0":"a","1":"a"}""")]
    [InlineData("""{"0":"a","1":null}""")]
    [InlineData("""{"0":"a","1":["b"]}""")]
    [InlineData("""{"zero":"a","one":"b"}""")]
    [InlineData("""{"0":"a","4294967296":"b"}""")]
    [InlineData("""{"0":"a","-1":"b"}""")]
    [InlineData("""{"0":"a"}""")]
    [InlineData("""["a","b"]""")]
    public void Names_that_name_no_two_outputs_are_refused(string names)
    {
        using var folder = new EditedFolder(Checkpoints.Classifier);
        string path = Path.Combine(folder.Path, "config.json");
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        config["id2label"] = "here";
        config.Remove("label2id");
        File.WriteAllText(path, config.ToJsonString().Replace("\"here\"", names, StringComparison.Ordinal));
        Assert.IsAssignableFrom<FineTuningException>(Record.Exception(() => Pretrained.TextClassifier<string>(folder.Path).Dispose()));
    }

    [Fact]
    public void Tags_whose_prefixes_are_permuted_give_the_same_entities()
    {
        string folder = Checkpoints.Fresh();
        using TokenClassifier model = Pretrained.TokenClassifier(Checkpoints.Plain, null, new TokenClassifierOptions { Tags = ["I-PER", "O", "B-ORG", "B-PER", "I-ORG"] });
        model.Save(folder);
        string[] texts = ["a b c", "d e f a", "f"];
        using TokenClassifier types = Pretrained.TokenClassifier(folder, ["ORG", "PER"]), listed = Pretrained.TokenClassifier(folder, null,
            new TokenClassifierOptions { Tags = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"] });
        Assert.Equal(model.PredictBatch(texts), types.PredictBatch(texts));
        Assert.Equal(model.PredictBatch(texts), listed.PredictBatch(texts));
        Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(folder, ["PER", "LOC"]));
        Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(folder, null, new TokenClassifierOptions { Tags = ["O", "B-PER", "E-PER", "B-ORG", "E-ORG"] }));
    }

    [Fact]
    public void A_taggers_folder_gives_sentences_a_fresh_head_with_its_pooler_and_says_so()
    {
        string folder = Checkpoints.Fresh();
        using (TokenClassifier tagger = Pretrained.TokenClassifier(Checkpoints.Plain, null, new TokenClassifierOptions { Tags = ["O", "X"], Scheme = FineTuning.Examples.TaggingScheme.Plain })) tagger.Save(folder);
        foreach (bool fresh in new[] { false, true })
        {
            using TextClassifier<bool> model = Pretrained.TextClassifier(folder, new TextClassifierOptions<bool> { FreshHead = fresh });
            Assert.True(model.HasUntrainedHead);
            Assert.Contains(model.Head.LoadReport.Fresh, name => name.Contains("pooler", StringComparison.Ordinal));
            Assert.Contains("classifier.weight", model.Head.LoadReport.Fresh);
        }
    }
}
