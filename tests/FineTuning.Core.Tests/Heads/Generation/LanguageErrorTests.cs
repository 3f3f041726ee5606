using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>What cannot be trained or written is said with the file or the record, and what to do, before anything is trained.</summary>
public sealed class LanguageErrorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("language-errors").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_conversation_that_its_template_refuses_names_the_record()
    {
        string copy = Copy("llama-chat"), template = Path.Combine(copy, "chat_template.jinja");
        File.WriteAllText(template, "{%- if messages[0].role == 'tool' %}{{ raise_exception('a tool cannot begin') }}{%- endif %}" + File.ReadAllText(template));
        using ChatModel model = Pretrained.ChatModel(copy);
        ChatTurn[] refused = [new("tool", "x"), new("assistant", "y")];
        float[] before = Numbers(model);
        TrainingDataException fault = Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Train([new Conversation([new("user", "a"), new("assistant", "b")]), new Conversation(refused)]));
        Assert.Contains("record 1", fault.Message, StringComparison.Ordinal);
        Assert.Contains("a tool cannot begin", fault.Message, StringComparison.Ordinal);
        Assert.Equal(before, Numbers(model));
        Assert.Throws<ChatTemplateException>(() => model.Reply(refused));
        Assert.Throws<ChatTemplateException>(() => { model.ReplyStreamingAsync(refused); });
        Assert.Throws<ChatTemplateException>(() => model.SharePrompt(refused));
    }

    [Fact]
    public void A_prompt_or_a_beginning_longer_than_the_positions_is_refused_with_both_numbers()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"));
        int positions = model.Trunk.Plan.MaximumTokens!.Value;
        string longer = string.Concat(Enumerable.Repeat("film ", positions));
        string found = Assert.Throws<InvalidOptionsException>(() => model.SharePrompt(longer)).Message;
        Assert.Contains($"{positions} positions", found, StringComparison.Ordinal);
        Assert.Contains($"{positions}", Assert.Throws<InvalidOptionsException>(() => model.Generate(longer)).Message, StringComparison.Ordinal);
        Assert.Contains($"{positions}", Assert.Throws<InvalidOptionsException>(() => { model.GenerateStreamingAsync(longer); }).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOptionsException>(() => model.SharePrompt(""));
    }

    [Fact]
    public void A_decoder_that_is_asked_for_a_mask_token_is_refused_by_its_family()
    {
        string folder = Goldens.Require("pipelines", "gpt2-generate");
        CheckpointException fault = Assert.Throws<CheckpointException>(() => Pretrained.MaskedLanguageModel(folder));
        Assert.Contains("gpt2", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_whose_head_is_missing_names_the_tensor_and_the_remedy()
    {
        string copy = Copy("llama-chat"), config = Path.Combine(copy, "config.json");
        var root = (JsonObject)JsonNode.Parse(File.ReadAllText(config))!;
        root["tie_word_embeddings"] = false;
        File.WriteAllText(config, root.ToJsonString());
        CheckpointException fault = Assert.Throws<CheckpointException>(() => Pretrained.ChatModel(copy));
        Assert.Contains("lm_head.weight", fault.Message, StringComparison.Ordinal);
        Assert.Contains("FreshHead", fault.Message, StringComparison.Ordinal);
        Assert.Contains(copy, fault.Message, StringComparison.Ordinal);
        using ChatModel fresh = Pretrained.ChatModel(copy, new LanguageModelOptions { FreshHead = true });
        Assert.True(fresh.HasUntrainedHead);
    }

    [Fact]
    public void A_tokenizer_without_an_end_token_names_the_key_that_is_missing()
    {
        string copy = Copy("gpt2-generate");
        foreach (string file in Directory.GetFiles(copy, "*.json").Where(file => Path.GetFileName(file) is "tokenizer_config.json" or "special_tokens_map.json"))
        {
            var root = (JsonObject)JsonNode.Parse(File.ReadAllText(file))!;
            root.Remove("eos_token");
            File.WriteAllText(file, root.ToJsonString());
        }
        if (PretrainedTokenizer.Load(copy).EndId is not null) Assert.Skip("this tokenizer's class has an end token of its own");
        Assert.Contains("eos_token", Assert.Throws<InvalidOptionsException>(() => Pretrained.CausalLanguageModel(copy)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_frozen_trunk_in_half_precision_writes_and_does_not_train()
    {
        string folder = Goldens.Require("pipelines", "gpt2-generate");
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { FrozenPrecision = Precision.BFloat16, Precision = Precision.BFloat16 });
        Assert.NotEmpty(model.Generate("The film", new GenerationOptions { MaxNewTokens = 4, MinNewTokens = 4 }));
        Assert.DoesNotContain(model.Trunk.Weights, weight => weight.IsTrainable);
        InvalidOptionsException wrong = Assert.Throws<InvalidOptionsException>(() => Pretrained.CausalLanguageModel(folder, new LanguageModelOptions { FrozenPrecision = (Precision)7 }));
        Assert.Contains("FrozenPrecision", wrong.Message, StringComparison.Ordinal);
    }

    private static float[] Numbers(ChatModel model) => [.. model.Weights[0].Value.data<float>()];

    private string Copy(string pipeline)
    {
        string target = Path.Combine(_folder, pipeline);
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(Goldens.Require("pipelines", pipeline))) File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        return target;
    }
}
