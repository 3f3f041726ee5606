using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Generation;
using Xunit;

namespace FineTuning.Tests.Generation;

/// <summary>Options: what they refuse, how they meet those of a file, and the file itself.</summary>
public sealed class GenerationOptionsTests
{
    private static readonly GenerationBounds Small = new(4, 10);

    [Fact]
    public void All_violations_are_reported_at_once()
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = 0, MinLength = -1, NumBeams = 0, DoSample = true, Temperature = double.NaN, TopP = 1.5, TypicalP = 0, EpsilonCutoff = 1, RepetitionPenalty = 0, BadWordsIds = [[]],
            SequenceBias = [new([99], 1)], SuppressTokens = [3], ForcedEosTokenId = [3], StopStrings = [""], ExponentialDecayLengthPenalty = new(-1, 0), NegativePromptIds = [],
        };
        InvalidOptionsException refusal = Assert.Throws<InvalidOptionsException>(() => GenerationSettings.Of(options, Small));
        string[] named = ["MaxNewTokens", "MinLength", "NumBeams", "Temperature", "TopP", "TypicalP", "EpsilonCutoff", "RepetitionPenalty", "BadWordsIds", "99", "ForcedEosTokenId", "StopStrings", "end token", "NegativePromptIds"];
        Assert.All(named, name => Assert.Contains(refusal.Violations, violation => violation.Contains(name, StringComparison.Ordinal)));
    }

    [Fact]
    public void Lengths_are_counted_as_the_reference_counts_them()
    {
        Assert.Equal(24, GenerationSettings.Of(new(), Small).MaximumLength);
        Assert.Equal(7, GenerationSettings.Of(new() { MaxNewTokens = 3, MaxLength = 50 }, Small).MaximumLength);
        Assert.Equal(50, GenerationSettings.Of(new() { MaxLength = 50 }, Small).MaximumLength);
        Assert.Equal(12, GenerationSettings.Of(new(), Small with { Positions = 12 }).MaximumLength);
        Assert.Equal(9, GenerationSettings.Of(new() { MinNewTokens = 5, MinLength = 20 }, Small).MinimumLength);
        Assert.Equal(13, GenerationSettings.Of(new() { MaxNewTokens = 9 }, Small with { Positions = 12, HasLearnedPositions = true }).MaximumLength);
        Assert.Throws<InvalidOptionsException>(() => GenerationSettings.Of(new() { MaxNewTokens = 10 }, Small with { Positions = 12, HasLearnedPositions = true }));
        Assert.Throws<InvalidOptionsException>(() => GenerationSettings.Of(new() { MaxNewTokens = int.MaxValue }, Small));
        Assert.Throws<InvalidOptionsException>(() => GenerationSettings.Of(new(), Small with { Positions = 4 }));
    }

    [Fact]
    public void A_length_of_the_caller_goes_before_both_of_the_file()
    {
        var file = new GenerationOptions { MaxNewTokens = 100, MinLength = 30, TopK = 20, EosTokenId = [2], PadTokenId = 0, DoSample = true };
        GenerationOptions merged = new GenerationOptions { MaxLength = 8, MinNewTokens = 1, TopK = 0, EosTokenId = [], PadTokenId = -1 }.Over(file);
        Assert.Equal((8, null, 1, null), (merged.MaxLength, merged.MaxNewTokens, merged.MinNewTokens, merged.MinLength));
        GenerationSettings settings = GenerationSettings.Of(merged, Small);
        Assert.Empty(settings.EndTokens);
        Assert.Null(settings.PadToken);
        Assert.True(settings.Samples);
        Assert.Equal(0, merged.TopK);
    }

    [Fact]
    public void Every_option_of_the_file_reaches_the_caller()
    {
        GenerationOptions file = Everything();
        GenerationOptions merged = new GenerationOptions().Over(file);
        foreach (System.Reflection.PropertyInfo property in typeof(GenerationOptions).GetProperties())
        {
            Assert.True(property.GetValue(file) is not null, $"{property.Name} is missing in this test");
            // Nothing of it is overridden, but that a length in either form leaves out none of the file's.
            Assert.Equal(property.GetValue(file), property.GetValue(merged));
        }
    }

    [Fact]
    public void What_changes_nothing_is_named()
    {
        IReadOnlyList<string> ignored = GenerationSettings.Of(new() { Temperature = 0.5, LengthPenalty = 2, NegativePromptIds = [1], SuppressTokens = [10], MinNewTokens = 2 }, Small).Ignored;
        Assert.Equal(5, ignored.Count);
        Assert.Empty(GenerationSettings.Of(new() { DoSample = true, Temperature = 0.5, EosTokenId = [1] }, Small).Ignored);
    }

    [Fact]
    public void A_file_is_written_as_it_was_read()
    {
        foreach (string folder in Directory.GetDirectories(GenerationGoldens.Require()).Where(folder => File.Exists(Path.Combine(folder, GenerationConfigFile.Name))))
        {
            GenerationConfigFile file = GenerationConfigFile.Read(folder);
            JsonNode expected = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, GenerationConfigFile.Name)))!;
            Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(file.ToJson())), folder);
            Assert.Empty(file.UnknownKeys);
        }
    }

    [Fact]
    public void Every_option_survives_the_file()
    {
        GenerationOptions options = Everything();
        GenerationConfigFile written = GenerationConfigFile.Parse("x", """{ "strange": [1], "transformers_version": "4.40.0", "num_beam_groups": 1, "temperature": null }""").With(options);
        GenerationConfigFile read = GenerationConfigFile.Parse("x", written.ToJson());
        Assert.Equal(["strange"], read.UnknownKeys);
        Assert.Empty(read.Unsupported);
        Assert.Equal(written.ToJson(), read.With(read.Options).ToJson());
        foreach (System.Reflection.PropertyInfo property in typeof(GenerationOptions).GetProperties().Where(property => property.Name is not ("Seed" or "PrefixAllowedTokens" or "NegativePromptIds" or "DecoderPrefix")))
        {
            Assert.True(property.GetValue(read.Options) is not null, property.Name);
        }
        Assert.Equal((options.ExponentialDecayLengthPenalty, options.EarlyStopping, options.TopP), (read.Options.ExponentialDecayLengthPenalty, read.Options.EarlyStopping, read.Options.TopP));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("""{ "top_p": "much" }""")]
    [InlineData("""{ "top_p": 1e999 }""")]
    [InlineData("""{ "max_length": 99999999999999 }""")]
    [InlineData("""{ "max_length": 1.5 }""")]
    [InlineData("""{ "do_sample": 1 }""")]
    [InlineData("""{ "early_stopping": "always" }""")]
    [InlineData("""{ "eos_token_id": [[2]] }""")]
    [InlineData("""{ "eos_token_id": { "a": 1 } }""")]
    [InlineData("""{ "bad_words_ids": [3] }""")]
    [InlineData("""{ "sequence_bias": [[[1], 2, 3]] }""")]
    [InlineData("""{ "exponential_decay_length_penalty": [1] }""")]
    [InlineData("""{ "stop_strings": [7] }""")]
    [InlineData("""{ "stop_strings": "\ud800" }""")]
    [InlineData("""{ "decoder_start_token_id": [1, 2] }""")]
    [InlineData("""{ "top_k": 1, "top_k": 2 }""")]
    public void A_hostile_file_is_a_typed_error(string json) =>
        Assert.Throws<CheckpointException>(() => GenerationConfigFile.Parse("generation_config.json", json));

    [Theory]
    [InlineData("""{ "penalty_alpha": 0.6 }""")]
    [InlineData("""{ "num_beam_groups": 2 }""")]
    [InlineData("""{ "dola_layers": "low" }""")]
    [InlineData("""{ "constraints": [1] }""")]
    public void Searches_that_do_not_exist_are_named(string json) => Assert.Single(GenerationConfigFile.Parse("x", json).Unsupported);

    [Fact]
    public void Padding_behind_a_prompt_moves_to_the_front()
    {
        IReadOnlyList<SearchPrompt> prompts = PromptRows.ForDecoder([[5, 6, 0, 0], [0, 7, 8, 9]], [[true, true, false, false], [false, true, true, true]], 0, [2]);
        Assert.Equal([[0, 0, 5, 6], [0, 7, 8, 9]], prompts.Select(prompt => prompt.Tokens));
        Assert.Equal([2, 1], prompts.Select(prompt => prompt.Padding));
        Assert.Equal([1, 0], PromptRows.ForDecoder([[0, 7], [8, 9]], null, 0, [2]).Select(prompt => prompt.Padding));
        Assert.Equal([0, 0], PromptRows.ForDecoder([[2, 7], [8, 9]], null, 2, [2]).Select(prompt => prompt.Padding));
        Assert.Throws<ArgumentException>(() => PromptRows.ForDecoder([[0, 0]], null, 0, [2]));
        Assert.Throws<ArgumentException>(() => PromptRows.ForDecoder([[1, 2], [1]], null, 0, [2]));
        Assert.Throws<InvalidOptionsException>(() => PromptRows.ForEncoderDecoder([[1]], null, null));
    }

    private static GenerationOptions Everything() => new()
    {
        MaxNewTokens = 1, MaxLength = 2, MinNewTokens = 3, MinLength = 4, DoSample = true, NumBeams = 5, NumReturnSequences = 6, LengthPenalty = 0.5, EarlyStopping = EarlyStopping.Never,
        UseCache = false, Temperature = 0.25, TopK = 7, TopP = 0.125, MinP = 0.5, TypicalP = 0.75, EpsilonCutoff = 0.1, EtaCutoff = 0.2, TopH = 0.3, RepetitionPenalty = 1.5,
        EncoderRepetitionPenalty = 1.25, NoRepeatNgramSize = 8, EncoderNoRepeatNgramSize = 9, BadWordsIds = [[1, 2]], SequenceBias = [new([3], 4.5)], ForcedBosTokenId = 10,
        ForcedEosTokenId = [11], SuppressTokens = [12], BeginSuppressTokens = [13], ExponentialDecayLengthPenalty = new(14, 1.125), GuidanceScale = 1.75, NegativePromptIds = [15],
        RemoveInvalidValues = true, RenormalizeLogits = true, PadTokenId = 16, BosTokenId = 17, EosTokenId = [18, 19], DecoderStartTokenId = 20, StopStrings = ["a", "b"], Seed = 21,
        PrefixAllowedTokens = (_, _) => [1], DecoderPrefix = "a",
    };
}
