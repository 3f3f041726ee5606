using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Tests.Heads.Naming;

/// <summary>Tags and entity types are found in a checkpoint by their names, with and without a CRF.</summary>
public sealed class TagIdentityTests
{
    private static readonly string[] Texts = ["Ada met Alan in London", "the train to Paris", "New York and Rome are far"];

    private static string Folder => Goldens.Require("pipelines", "bert-tokens");

    [Fact]
    public void Tags_in_another_order_or_case_give_the_same_answers()
    {
        using TokenClassifier own = Pretrained.TokenClassifier(Folder), listed = Pretrained.TokenClassifier(Folder, null, new() { Tags = ["I-LOC", "B-LOC", "O", "B-PER", "I-PER"] });
        using TokenClassifier types = Pretrained.TokenClassifier(Folder, ["LOC", "PER"]), lower = Pretrained.TokenClassifier(Folder, ["loc", "per"]);
        foreach (string text in Texts)
        {
            IReadOnlyList<WordTag> expected = own.Tag([new AnnotatedText(text, [])])[0].Words;
            Assert.Equal(expected, listed.Tag([new AnnotatedText(text, [])])[0].Words);
            Assert.Equal(expected, types.Tag([new AnnotatedText(text, [])])[0].Words);
            Assert.Equal(expected.Select(word => word.Tag.ToLowerInvariant()), lower.Tag([new AnnotatedText(text, [])])[0].Words.Select(word => word.Tag.ToLowerInvariant()));
        }
        // Who says "per" is answered "per" and may train with it.
        Assert.Equal(["O", "B-per", "I-per", "B-loc", "I-loc"], lower.Tags.Names);
        Assert.NotNull(lower.Encode(new TaggedWords(["Ada"], ["B-per"]), new EncodingReport()));
        using var folder = new EditedFolder(Folder);
        lower.Save(folder.Saved);
        using TokenClassifier again = Pretrained.TokenClassifier(folder.Saved, ["PER", "LOC"]);
        Assert.Equal(own.Tags.Names, again.Tags.Names);
    }

    [Fact]
    public void A_crf_keeps_its_order_with_the_tags()
    {
        using var folder = new EditedFolder(Folder);
        TaggedWords[] data = [new(["Ada", "met", "Alan"], ["B-PER", "O", "B-PER"]), new(["New", "York", "is", "far"], ["B-LOC", "I-LOC", "O", "O"])];
        using TokenClassifier model = Pretrained.TokenClassifier(Folder, null, new() { Crf = true });
        FineTuner.For(model).Steps(8).BatchSize(2).WithOptimizer(FineTuning.Training.Optimizer.AdamW(0.05)).Train(data);
        model.Save(folder.Saved);
        using TokenClassifier listed = Pretrained.TokenClassifier(folder.Saved, null, new() { Tags = ["I-LOC", "B-LOC", "O", "B-PER", "I-PER"] });
        Assert.True(listed.HasCrf);
        foreach (string text in Texts) Assert.Equal(model.Tag([new AnnotatedText(text, [])])[0].Words, listed.Tag([new AnnotatedText(text, [])])[0].Words);
    }

    [Fact]
    public void Other_tags_or_types_are_refused_with_both_lists_or_learned_anew()
    {
        string tags = Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(Folder, null, new() { Tags = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"] })).Message;
        Assert.Contains("O, B-PER, I-PER, B-LOC, I-LOC", tags, StringComparison.Ordinal);
        Assert.Contains("B-ORG", tags, StringComparison.Ordinal);
        Assert.Contains("FreshHead", tags, StringComparison.Ordinal);
        Assert.Contains("B-ORG", Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(Folder, ["PER", "ORG"])).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(Folder, ["PER"]));
        Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(Folder, ["PER", "LOC"], new() { Scheme = TaggingScheme.Iobes }));
        using TokenClassifier fresh = Pretrained.TokenClassifier(Folder, ["PER", "ORG"], new() { FreshHead = true });
        Assert.Equal(["classifier.weight", "classifier.bias"], fresh.Head.LoadReport.Fresh);
        Assert.True(fresh.HasUntrainedHead);
    }

    [Fact]
    public void Outputs_without_names_need_an_order_that_is_stated()
    {
        using var folder = new EditedFolder(Folder, EditedFolder.Named("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"));
        Assert.Contains("Tags = [...]", Assert.Throws<CheckpointException>(() => Pretrained.TokenClassifier(folder.Path, ["PER", "LOC"])).Message, StringComparison.Ordinal);
        using TokenClassifier own = Pretrained.TokenClassifier(Folder), stated = Pretrained.TokenClassifier(folder.Path, null, new() { Tags = own.Tags.Names });
        foreach (string text in Texts) Assert.Equal(own.Tag([new AnnotatedText(text, [])])[0].Words, stated.Tag([new AnnotatedText(text, [])])[0].Words);
    }

    [Fact]
    public void Types_find_the_scheme_of_the_checkpoint()
    {
        using var folder = new EditedFolder(Folder, EditedFolder.Named("O", "I-PER", "I-LOC", "I-ORG", "B-LOC"));
        using (TokenClassifier model = Pretrained.TokenClassifier(folder.Path, ["ORG", "LOC", "PER"])) Assert.Equal(["O", "I-PER", "I-LOC", "I-ORG", "B-LOC"], model.Tags.Names);
        folder.Edit(EditedFolder.Named("NOUN", "VERB", "ADJ", "DET", "X"));
        using TokenClassifier plain = Pretrained.TokenClassifier(folder.Path, ["X", "DET", "ADJ", "verb", "NOUN"]);
        Assert.Equal((TaggingScheme.Plain, "verb"), (plain.Tags.Scheme, plain.Tags.Names[1]));
    }

    [Fact]
    public void Messages_name_the_plain_scheme()
    {
        string options = Assert.Throws<InvalidOptionsException>(() => Pretrained.TokenClassifier(Folder, null, new() { Tags = ["NOUN", "VERB"], Scheme = TaggingScheme.Iob2, FreshHead = true })).Message;
        Assert.Contains("TaggingScheme.Plain", options, StringComparison.Ordinal);
        using TokenClassifier model = Pretrained.TokenClassifier(Folder);
        Assert.Contains("TaggingScheme.Plain", Assert.Throws<TrainingDataException>(() => model.Encode(new TaggedWords(["run"], ["VERB"]), new EncodingReport())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("neutral", "entailment", "contradiction")]
    [InlineData("neutral", "CONTRADICTION", "Entailment")]
    [InlineData("entails", "neither", "contradicts")]
    public void Zero_shot_labels_are_found_by_their_names(string first, string second, string third)
    {
        string nli = Goldens.Require("pipelines", "deberta-v2-nli");
        string[] renamed = [first, second, third];
        using ZeroShotClassifier own = Pretrained.ZeroShotClassifier(nli);
        // The output layer's rows move along with the names.
        using var folder = new EditedFolder(nli);
        using (TextClassifier<string> model = Pretrained.TextClassifier<string>(nli))
        {
            string[] prefixes = ["entail", "ne", "contradict"];
            long[] rows = [.. renamed.Select(name => (long)Array.FindIndex(prefixes, prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))];
            using (TorchSharp.torch.no_grad())
            {
                foreach (string weight in new[] { "head.output.weight", "head.output.bias" })
                {
                    TorchSharp.torch.Tensor value = model.Weights.Find(weight)!.Value;
                    value.copy_(value.index_select(0, TorchSharp.torch.tensor(rows)));
                }
            }
            model.Save(folder.Saved);
        }
        using var saved = new EditedFolder(folder.Saved, EditedFolder.Named(renamed));
        using ZeroShotClassifier other = Pretrained.ZeroShotClassifier(saved.Path);
        foreach (bool multiple in new[] { false, true })
        {
            var options = new ZeroShotOptions { MultiLabel = multiple };
            Classification<string> expected = own.Predict("A great game.", ["sports", "politics"], options), found = other.Predict("A great game.", ["sports", "politics"], options);
            Assert.All(expected.Scores.Zip(found.Scores), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 1e-6));
        }
    }

    [Theory]
    [InlineData("entailment", "entails", "contradiction")]
    [InlineData("entailment", "yes", "no")]
    [InlineData("LABEL_0", "LABEL_1", "LABEL_2")]
    public void Zero_shot_labels_that_mean_two_things_are_refused(params string[] names)
    {
        using var folder = new EditedFolder(Goldens.Require("pipelines", "deberta-v2-nli"), EditedFolder.Named(names));
        string message = Assert.Throws<CheckpointException>(() => Pretrained.ZeroShotClassifier(folder.Path)).Message;
        Assert.Contains("id2label", message, StringComparison.Ordinal);
        Assert.Contains(string.Join(", ", names), message, StringComparison.Ordinal);
    }
}
