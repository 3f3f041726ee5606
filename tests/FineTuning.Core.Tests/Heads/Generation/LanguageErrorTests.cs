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
        Assert.Equal(Path.Combine(folder, "config.json"), fault.Path);
        Assert.Equal(Path.Combine(folder, "config.json"), Assert.Throws<CheckpointException>(() => Pretrained.TextToText(folder)).Path);
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

    [Theory]
    [InlineData("gpt2-generate")]
    [InlineData("llama-chat")]
    [InlineData("t5-generate")]
    public void A_tokenizer_without_an_end_token_names_the_key_that_is_missing_and_its_file(string pipeline)
    {
        string copy = Copy(pipeline);
        foreach (string file in Directory.GetFiles(copy, "*.json").Where(file => Path.GetFileName(file) is "tokenizer_config.json" or "special_tokens_map.json"))
        {
            var root = (JsonObject)JsonNode.Parse(File.ReadAllText(file))!;
            root.Remove("eos_token");
            // Other classes have an end token of their own.
            if (Path.GetFileName(file) == "tokenizer_config.json") root["tokenizer_class"] = "PreTrainedTokenizerFast";
            File.WriteAllText(file, root.ToJsonString());
        }
        Assert.Null(PretrainedTokenizer.Load(copy).EndId);
        Action open = pipeline switch
        {
            "t5-generate" => () => Pretrained.TextToText(copy),
            "llama-chat" => () => Pretrained.ChatModel(copy),
            _ => () => Pretrained.CausalLanguageModel(copy),
        };
        string found = Assert.Throws<InvalidOptionsException>(open).Message;
        Assert.Contains("eos_token", found, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(copy, "tokenizer_config.json"), found, StringComparison.Ordinal);
        var silent = new ChatFormat("plain", "{{ messages[0].content }}", [], null);
        string refused = Assert.Throws<InvalidOptionsException>(() => Pretrained.AddChatFormat(copy, Path.Combine(_folder, "prepared"), silent)).Message;
        Assert.Contains(Path.Combine(copy, "tokenizer_config.json"), refused, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_files_of_a_checkpoint_lack_or_hold_names_the_file_with_its_folder()
    {
        string copy = Copy("t5-generate"), config = Path.Combine(copy, "config.json"), generation = Path.Combine(copy, GenerationConfigFile.Name);
        JsonObject Root(string path) => (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        (JsonObject whole, JsonObject generating) = (Root(config), Root(generation));

        var beyond = (JsonObject)generating.DeepClone();
        beyond["decoder_start_token_id"] = 1 << 20;
        File.WriteAllText(generation, beyond.ToJsonString());
        CheckpointException startless = Assert.Throws<CheckpointException>(() => Pretrained.TextToText(copy));
        Assert.Equal(generation, startless.Path);
        Assert.Contains("decoder_start_token_id", startless.Message, StringComparison.Ordinal);

        generating["penalty_alpha"] = 0.6;
        File.WriteAllText(generation, generating.ToJsonString());
        using (TextToText model = Pretrained.TextToText(copy))
        {
            Assert.Contains(generation, Assert.Throws<InvalidOptionsException>(() => model.Generate("a")).Message, StringComparison.Ordinal);
        }

        File.Delete(generation);
        var odd = (JsonObject)whole.DeepClone();
        odd["eos_token_id"] = "one";
        File.WriteAllText(config, odd.ToJsonString());
        Assert.Equal(config, Assert.Throws<CheckpointException>(() => Pretrained.TextToText(copy)).Path);

        var silent = (JsonObject)whole.DeepClone();
        silent["decoder_start_token_id"] = 1 << 20;
        File.WriteAllText(config, silent.ToJsonString());
        Assert.Equal(config, Assert.Throws<CheckpointException>(() => Pretrained.TextToText(copy)).Path);
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
