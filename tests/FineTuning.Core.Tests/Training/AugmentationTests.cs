using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Training;

/// <summary>What training texts become: the same for the same seed, epoch and row, with labels and entities that stay right, under every head.</summary>
public sealed class AugmentationTests
{
    private static readonly string Starter = Goldens.Starter;
    private static readonly string[] Words = ["please", "reset", "my", "password", "and", "the", "invoice", "was", "never", "paid", "by", "anyone"];
    private static readonly Augmentation[] Changes = [Augmentation.Words(0.4, 0.3, 0.5), Augmentation.Characters(0.6)];

    private static readonly LabeledText<string>[] Moods = [.. Enumerable.Range(0, 8).Select(i => new LabeledText<string>(Text(i), i % 2 == 0 ? "bad" : "good"))];

    private static readonly TaggedText[] Tagged = [.. Enumerable.Range(0, 12).Select(i => Sentence(new Random(i), TaggingScheme.Iob2))];

    private static readonly AnnotatedText[] Annotated = [.. Enumerable.Range(0, 12).Select(Annotate)];

    [Fact]
    public void Without_a_change_an_example_is_what_it_was()
    {
        string[] texts = ["", "  two  words ", "It's (not) \u00e9t\u00e9, \u6211\u5011 \ud83d\ude00!", .. Enumerable.Range(0, 40).Select(Text)];
        foreach (string text in texts) Assert.Equal(text, AugmentedText.Of(text).Join().Text);
        foreach (TaggedText example in Tagged)
        {
            var words = Assert.IsType<TaggedWords>(TaggedAugmentation.Of(example, _ => { }));
            Assert.Equal(((TaggedWords)example).Words, words.Words);
            Assert.Equal(((TaggedWords)example).Tags, words.Tags);
        }
        foreach (AnnotatedText example in Annotated)
        {
            var same = (AnnotatedText)TaggedAugmentation.Of(example, _ => { });
            Assert.Equal(example.Text, same.Text);
            Assert.Equal(example.Spans, same.Spans);
        }
    }

    [Theory]
    [InlineData(TaggingScheme.Iob1)]
    [InlineData(TaggingScheme.Iob2)]
    [InlineData(TaggingScheme.Iobes)]
    public void The_texts_of_entities_stay_as_they_are_and_their_tags_follow(TaggingScheme scheme)
    {
        int changed = 0;
        for (int i = 0; i < 300; i++)
        {
            TaggedWords example = Sentence(new Random(i), scheme);
            var shown = (TaggedWords)Shown(example, i, new Augmenting(1) { Augmentations = [Augmentation.Words(0.5, 0.4), Augmentation.Characters(0.5)] });
            Assert.Equal(Entities(example), Entities(shown));
            Assert.Equal(shown.Words.Count, shown.Tags.Count);
            if (!shown.Words.SequenceEqual(example.Words)) changed++;
            // A crop leaves an entity out whole.
            var cropped = (TaggedWords)Shown(example, i, new Augmenting(1) { Augmentations = [Augmentation.Words(0, 0, 0.8)] });
            Assert.All(Entities(cropped), entity => Assert.Contains(entity, Entities(example)));
            Assert.True(cropped.Words.Count > 0 && cropped.Words.Count <= example.Words.Count);
        }
        Assert.True(changed > 250);
    }

    [Fact]
    public void Offsets_of_entities_follow_their_texts()
    {
        int changed = 0;
        for (int i = 0; i < 200; i++)
        {
            AnnotatedText example = Annotate(i);
            var shown = (AnnotatedText)Shown(example, i, new Augmenting(1) { Augmentations = [Augmentation.Words(0.5, 0.4), Augmentation.Characters(0.5)] });
            Assert.Equal(Entities(example), Entities(shown));
            if (shown.Text != example.Text) changed++;
            var cropped = (AnnotatedText)Shown(example, i, new Augmenting(1) { Augmentations = [Augmentation.Words(0, 0, 0.8)] });
            Assert.All(Entities(cropped), entity => Assert.Contains(entity, Entities(example)));
        }
        Assert.True(changed > 150);
        // What begins inside a word is not followed: the example stays as it is.
        var inside = new AnnotatedText("unhappy people", [new TextSpan("X", 2, 7)]);
        Assert.Equal(inside, Shown(inside, 0, new Augmenting(1) { Augmentations = Changes }));
    }

    [Fact]
    public void Entities_become_others_of_their_type()
    {
        (string Type, string Text)[] known = [.. Tagged.SelectMany(Entities)];
        int exchanged = 0;
        foreach (TaggedText example in Tagged.Concat(Annotated))
        {
            TaggedText shown = Shown(example, 3, new Augmenting(1) { Augmentations = [Augmentation.Entities(1)] });
            (string Type, string Text)[] before = [.. Entities(example)], after = [.. Entities(shown)];
            Assert.Equal(before.Select(entity => entity.Type), after.Select(entity => entity.Type));
            Assert.All(after, entity => Assert.Contains(entity, known));
            if (!before.SequenceEqual(after)) exchanged++;
            string Rest(TaggedText text) => text switch
            {
                TaggedWords words => string.Join(' ', words.Words.Where((_, i) => words.Tags[i] == "O")),
                _ => string.Concat(((AnnotatedText)text).Spans.OrderByDescending(span => span.Start).Aggregate(((AnnotatedText)text).Text, (all, span) => all.Remove(span.Start, span.End - span.Start))),
            };
            Assert.Equal(Rest(example), Rest(shown));
        }
        Assert.True(exchanged > 10);
    }

    [Fact]
    public void A_row_is_a_function_of_seed_epoch_and_row()
    {
        var settings = new Augmenting(1) { Augmentations = Changes };
        var seen = new HashSet<string>();
        using TextClassifier<string> model = Model();
        var view = new AugmentedModel<LabeledText<string>>(model, settings);
        foreach (long seed in new[] { 1L, 2 })
        {
            foreach (long epoch in new[] { 0L, 1 })
            {
                foreach (int row in new[] { 0, 1 })
                {
                    LabeledText<string> shown = view.Shown(Moods[5], row, new BatchMoment(seed, epoch));
                    Assert.Equal(shown, view.Shown(Moods[5], row, new BatchMoment(seed, epoch)));
                    Assert.Equal(Moods[5].Label, shown.Label);
                    seen.Add(shown.Text);
                }
            }
        }
        Assert.True(seen.Count >= 7, $"{seen.Count} of 8 texts differ");
        // A share of the rows is changed.
        var half = new AugmentedModel<LabeledText<string>>(model, settings with { Share = 0.3 });
        int changed = Enumerable.Range(0, 1000).Count(row => !ReferenceEquals(Moods[5], half.Shown(Moods[5], row, new BatchMoment(4, 2))));
        Assert.InRange(changed, 250, 350);
        // Both texts of a pair are changed.
        LabeledText<string> pair = view.Shown(Moods[5] with { Pair = Moods[6].Text }, 0, new BatchMoment(1, 0));
        Assert.NotEqual(Moods[6].Text, pair.Pair);
    }

    [Fact]
    public void Accumulated_equals_whole_and_a_run_repeats_to_the_bit()
    {
        float[] Tuned(int batch, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> verb)
        {
            using TextClassifier<string> model = Model();
            verb(FineTuner.For(model).Steps(3).BatchSize(batch, 8 / batch).WithOptimizer(Optimizer.Sgd(0.05))).Train(Moods);
            return [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
        }
        foreach (Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> verb in new Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>>[]
        {
            tuner => tuner.WithAugmentation(Changes, 1), tuner => tuner.WithMixup(1), tuner => tuner.WithAugmentation(Changes).WithMixup(0.5),
        })
        {
            float[] whole = Tuned(8, verb);
            Assert.Equal(whole, Tuned(8, verb));
            Assert.NotEqual(whole, Tuned(8, tuner => tuner));
            Assert.All(whole.Zip(Tuned(2, verb)), pair => Assert.Equal(pair.First, pair.Second, 5e-6));
        }
        // Nearly no row is changed.
        Assert.Equal(Tuned(8, tuner => tuner), Tuned(8, tuner => tuner.WithAugmentation(Changes, 1e-12)));
    }

    [Fact]
    public void A_run_that_was_stopped_goes_on_to_the_same_bits()
    {
        string folder = Directory.CreateTempSubdirectory("augmented").FullName;
        using MaskedLanguageModel filler = Pretrained.MaskedLanguageModel(Starter);
        float[] Tuned(string own, long? stop)
        {
            using TextClassifier<string> model = Model(0.1);
            using var source = new CancellationTokenSource();
            FineTuner.For(model).Steps(8).BatchSize(4).CheckpointTo(Path.Combine(folder, own), every: 1).Resume().WithMixup()
                .WithAugmentation([.. Changes, Augmentation.MaskFilling(filler), Augmentation.Rewriting("upper", (text, _) => text.ToUpperInvariant())])
                .OnProgress(progress =>
                {
                    if (progress.Phase == TrainingPhase.Training && progress.Step == stop) source.Cancel();
                }).Train(Moods, source.Token);
            return [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
        }
        float[] whole = Tuned("whole", null);
        Assert.NotEqual(whole, Tuned("parts", 3));
        Assert.Equal(whole, Tuned("parts", null));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Every_head_over_texts_is_trained_on_what_is_shown()
    {
        void Differs<T>(Func<TunableModel<T>> make, T[] data, params Augmentation[] changes)
        {
            float[] Tuned(bool augmented)
            {
                using TunableModel<T> model = make();
                FineTuner<T> tuner = FineTuner.For(model).Steps(2).BatchSize(4).ValidateOn(data);
                TrainingResult result = (augmented ? tuner.WithAugmentation(changes, 1) : tuner).Train(data);
                Assert.Equal(result.Metrics!["loss"], model.Evaluate(data)["loss"], 1e-12);
                Assert.DoesNotContain(result.Warnings, warning => warning.Contains("not augmented", StringComparison.Ordinal));
                Assert.Equal(result.Options, TrainingOptions.FromJson(result.Options.ToJson()));
                return [.. model.Weights.SelectMany(weight => weight.Value.data<float>().ToArray())];
            }
            float[] shown = Tuned(true);
            Assert.NotEqual(shown, Tuned(false));
            Assert.Equal(shown, Tuned(true));
        }
        Differs(() => Model(), Moods, Changes);
        Differs(() => Pretrained.TextRegressor(Starter), [.. Moods.Select((mood, i) => new ScoredText(mood.Text, i))], Changes);
        Differs(() => Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["bad", "good"] }), [.. Moods.Select(mood => new MultiLabeledText<string>(mood.Text, [mood.Label]))], Changes);
        Differs(() => Pretrained.TokenClassifier(Starter, ["PER", "LOC"]), Tagged, [.. Changes, Augmentation.Entities()]);
        Differs(() => Pretrained.TokenClassifier(Starter, ["PER", "LOC"], new TokenClassifierOptions { Crf = true }), [.. Annotated.Cast<TaggedText>()], Changes);
        Differs(() => Pretrained.QuestionAnswerer(Starter), [.. Moods.Select(mood => new AnsweredQuestion(mood.Text, "the invoice was paid", new GivenAnswer("paid", 16)))], Changes);
        Differs(() => Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { Packing = TextPacking.Lines }), [.. Moods.Select(mood => mood.Text)], Changes);
    }

    [Fact]
    public void Rows_of_several_texts_stay_as_they_are_and_that_is_said()
    {
        using MaskedLanguageModel model = Pretrained.MaskedLanguageModel(Starter, new MaskedLanguageOptions { MaximumLength = 16 });
        TrainingResult result = FineTuner.For(model).Steps(1).WithAugmentation(Changes).Train([.. Moods.Select(mood => mood.Text)]);
        Assert.Contains(result.Warnings, warning => warning.Contains("not augmented", StringComparison.Ordinal));
    }

    [Fact]
    public void Augmentation_goes_with_several_tasks_and_with_what_is_kept()
    {
        using Trunk trunk = Pretrained.Trunk(Starter);
        using TextClassifier<string> moods = Pretrained.TextClassifier(trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        using TokenClassifier names = Pretrained.TokenClassifier(trunk, ["PER", "LOC"]);
        var augmenting = new Augmenting(0.5) { Augmentations = Changes };
        MultiTaskResult both = FineTuner.For(trunk).Task("mood", moods, Moods, Moods).Task("names", names, Tagged, Tagged).With(o => (o with { Steps = 2, BatchSize = 4 }).With(augmenting)).Train();
        Assert.Equal(both["mood"].Together!["loss"], moods.Evaluate(Moods)["loss"], 1e-12);
        ContinuedResult kept = FineTuner.For(moods).Steps(4).BatchSize(4).ValidateOn(Moods).WithAugmentation(Changes).Keeping("old", moods, Moods, Moods)
            .WithReplay(0.4).WithDistillation().Train(Moods);
        Assert.True(double.IsFinite(kept["old"].Forgotten));
    }

    [Fact]
    public void A_language_model_fills_whole_words_and_leaves_entities_alone()
    {
        using MaskedLanguageModel filler = Pretrained.MaskedLanguageModel(Goldens.Require("pipelines", "bert-mask"));
        var settings = new Augmenting(1) { Augmentations = [Augmentation.MaskFilling(filler, 0.5)] };
        int changed = 0, moved = 0;
        for (int i = 0; i < 12; i++)
        {
            var example = (TaggedWords)Tagged[i];
            var shown = (TaggedWords)Shown(example, i, settings);
            Assert.Equal(example.Tags, shown.Tags);
            Assert.Equal(Entities(example), Entities(shown));
            Assert.All(shown.Words.Where((word, w) => word != example.Words[w]), word => Assert.All(word, letter => Assert.True(char.IsLetter(letter), word)));
            Assert.Equal(shown.Words, ((TaggedWords)Shown(example, i, settings)).Words);
            if (!shown.Words.SequenceEqual(example.Words)) changed++;
            // Offsets follow words of other lengths.
            var annotated = (AnnotatedText)Shown(Annotated[i], i, settings);
            Assert.Equal(Entities(Annotated[i]), Entities(annotated));
            if (annotated.Text.Length != Annotated[i].Text.Length) moved++;
        }
        Assert.True(changed > 0 && moved > 0, $"{changed} {moved}");
    }

    [Fact]
    public void A_function_rewrites_texts_and_is_no_part_of_the_recipe()
    {
        var given = new HashSet<long>();
        var settings = new Augmenting(1) { Augmentations = [Augmentation.Rewriting("shout", (text, draw) =>
        {
            given.Add(draw);
            return text.ToUpperInvariant() + "!";
        })] };
        using TextClassifier<string> model = Model();
        var view = new AugmentedModel<LabeledText<string>>(model, settings);
        for (int row = 0; row < 5; row++) Assert.Equal(Moods[1].Text.ToUpperInvariant() + "!", view.Shown(Moods[1], row, default).Text);
        Assert.Equal(5, given.Count);
        // Entities cannot be followed through it.
        Assert.Equal(Annotated[0].Text, ((AnnotatedText)Shown(Annotated[0], 0, settings)).Text);

        TrainingOptions recipe = FineTuner.For(model).With(o => o.With(settings)).Options, read = TrainingOptions.FromJson(recipe.ToJson());
        Assert.Equal(recipe, read);
        Assert.Contains("shout", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).With(_ => read).Train(Moods)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mixed_states_have_the_losses_of_both_targets_in_their_shares()
    {
        using TextClassifier<string> model = Model();
        using var scope = NewDisposeScope();
        EncodedRow[] rows = [.. Moods[..2].Select(mood => model.Encode(mood, new EncodingReport())!)];
        int length = rows.Max(row => row.Length);
        Batch one = model.Collate([rows[0]], length), other = model.Collate([rows[1]], length);
        Tensor states(Batch batch) => model.Head.States(((TokenizedBatch)batch).Input, ForwardContext.Evaluation());
        const double share = 0.3;
        Tensor logits = model.Head.ScoreStates(states(one).mul(0.7f.ToScalar()).add(states(other), 0.3f.ToScalar()), ForwardContext.Evaluation());
        double[] logs = [.. nn.functional.log_softmax(logits, -1).data<float>().Select(value => (double)value)];
        double expected = (-(1 - share) * logs[model.LabelSet.IndexOf("bad")]) - (share * logs[model.LabelSet.IndexOf("good")]);
        Assert.Equal(expected, model.MixedLoss(one, other, share, ForwardContext.Evaluation()).item<float>(), 1e-5);
        // Mixed with itself a text is itself.
        Assert.Equal(model.SumLoss(one, ForwardContext.Evaluation()).item<float>(), model.MixedLoss(one, one, share, ForwardContext.Evaluation()).item<float>(), 1e-5);
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(3)]
    public void Shares_are_drawn_from_the_beta_distribution(double alpha)
    {
        double[] draws = [.. Enumerable.Range(0, 4000).Select(i => StateMixup.Beta(alpha, new AugmentationDraw(1, i, 0, 0)))];
        Assert.All(draws, draw => Assert.InRange(draw, 0, 1));
        Assert.Equal(0.5, draws.Average(), 0.03);
        Assert.Equal(1 / (4 * ((2 * alpha) + 1)), draws.Average(draw => Math.Pow(draw - 0.5, 2)), 0.012);
    }

    [Fact]
    public void What_does_not_fit_is_said_before_data_is_read()
    {
        using TextClassifier<string> model = Model();
        using TokenClassifier tagger = Pretrained.TokenClassifier(Starter, ["PER", "LOC"]);
        using CausalLanguageModel writer = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        using MaskedLanguageModel shared = Pretrained.MaskedLanguageModel(Pretrained.Trunk(Starter));
        using TextClassifier<string> onShared = Pretrained.TextClassifier(shared.Trunk, new TextClassifierOptions<string> { Labels = ["bad", "good"] });
        var wrong = FineTuner.For(model).WithAugmentation([Augmentation.Words(2, 1, 1), Augmentation.Characters(-1), Augmentation.Entities(2)], 0).WithMixup(0);
        Assert.Equal(7, Assert.Throws<InvalidOptionsException>(() => wrong.Train(Moods)).Violations.Count);
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithAugmentation([]).Train(Moods));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithAugmentation([Augmentation.Entities()]).Train(Moods));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(writer).WithAugmentation(Changes).Train([PromptCompletion.OfText("a text")]));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(tagger).WithMixup().Steps(1).Train(Tagged));
        Assert.Throws<InvalidOptionsException>(() => FineTuner.For(model).WithMixup().WithDropoutConsistency().Train(Moods));
        Assert.Contains("shares its weights", Assert.Throws<InvalidOptionsException>(() => FineTuner.For(onShared).WithAugmentation([Augmentation.MaskFilling(shared)]).Train(Moods)).Message, StringComparison.Ordinal);
    }

    private static TextClassifier<string> Model(double dropout = 0) =>
        Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["bad", "good"], Dropout = dropout });

    // As a tagger's row is shown in the first epoch, with the entities of all sentences known.
    private static TaggedText Shown(TaggedText example, int row, Augmenting settings)
    {
        var bank = new EntityBank();
        foreach ((string type, string[] words) in Tagged.SelectMany(TaggedAugmentation.Entities)) bank.Add(type, words);
        for (int i = 0; i < settings.Augmentations.Count; i++)
        {
            var draw = new AugmentationDraw(7, 0, row, i + 1);
            example = TaggedAugmentation.Of(example, text => settings.Augmentations[i].Apply(text, draw, bank));
        }
        return example;
    }

    private static IEnumerable<(string Type, string Text)> Entities(TaggedText example) => example switch
    {
        TaggedWords words => TagSequence.Repaired(words.Tags, words.Scheme).Select(entity => (entity.Type, string.Join(' ', words.Words.Skip(entity.First).Take(entity.Last + 1 - entity.First)))),
        AnnotatedText text => text.Spans.OrderBy(span => span.Start).Select(span => (span.Type, text.Text[span.Start..span.End])),
        _ => throw new ArgumentException("neither words nor a text", nameof(example)),
    };

    private static string Text(int i) => string.Join(' ', Enumerable.Range(0, 5 + (i * 5 % 7)).Select(j => Words[(i + (j * j)) % Words.Length]));

    private static TaggedWords Sentence(Random random, TaggingScheme scheme)
    {
        string[] names = ["anna", "bert", "carla", "dan"];
        var words = new List<string>();
        var entities = new List<EntitySpan>();
        foreach (string type in new[] { "PER", "LOC", "PER" })
        {
            words.AddRange(Enumerable.Range(0, random.Next(5)).Select(_ => Words[random.Next(Words.Length)]));
            int length = random.Next(1, 4);
            entities.Add(new(type, words.Count, words.Count + length - 1));
            words.AddRange(Enumerable.Range(0, length).Select(_ => names[random.Next(4)]));
        }
        words.AddRange(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => Words[random.Next(Words.Length)]));
        return new TaggedWords(words, TagSequence.Tags(entities, words.Count, scheme)) { Scheme = scheme };
    }

    private static AnnotatedText Annotate(int seed)
    {
        TaggedWords sentence = Sentence(new Random(seed), TaggingScheme.Iob2);
        var spans = new List<TextSpan>();
        foreach (EntitySpan entity in TagSequence.Repaired(sentence.Tags, TaggingScheme.Iob2))
        {
            int start = sentence.Words.Take(entity.First).Sum(word => word.Length + 1);
            spans.Add(new(entity.Type, start, start + sentence.Words.Skip(entity.First).Take(entity.Last + 1 - entity.First).Sum(word => word.Length + 1) - 1));
        }
        return new(string.Join(' ', sentence.Words) + ".", spans);
    }
}
