using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Text;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Testing.Tests.Laws;

/// <summary>The laws over models that write.</summary>
public sealed class LanguageLawTests : IDisposable
{
    private readonly TinyCheckpoint _decoder = TinyCheckpoint.Decoder(Words.Texts), _chat = TinyCheckpoint.Chat(Words.Texts), _gpt2 = TinyCheckpoint.Gpt2(Words.Texts);

    public void Dispose()
    {
        _decoder.Dispose();
        _chat.Dispose();
        _gpt2.Dispose();
    }

    private CausalLanguageModel Writer(LanguageModelOptions? options = null) => Pretrained.CausalLanguageModel(_decoder.Folder, options);

    [Fact]
    public void Padding_and_packing_change_nothing()
    {
        using CausalLanguageModel plain = Writer(), packed = Writer(new() { Packing = PackingStrategy.Whole }), second = Pretrained.CausalLanguageModel(_gpt2.Folder),
            secondPacked = Pretrained.CausalLanguageModel(_gpt2.Folder, new LanguageModelOptions { Packing = PackingStrategy.Whole });
        FineTuneAssert.PaddingInvariant(plain, Words.Completions);
        FineTuneAssert.TargetsAddUp(plain, Words.Completions);
        FineTuneAssert.PackingInvariant(packed, plain, Words.Completions);
        FineTuneAssert.PackingInvariant(secondPacked, second, Words.Completions);
        FineTuneAssert.EvaluatesItsLoss(plain, Words.Completions);
    }

    [Fact]
    public void Gradients_are_slopes()
    {
        using CausalLanguageModel model = Writer();
        FineTuneAssert.GradientsMatchDifferences(model, Words.Completions);
        FineTuneAssert.EveryWeightLearns(model, Words.Completions);
    }

    [Fact]
    public void What_is_learned_is_the_completion_with_its_end()
    {
        using CausalLanguageModel model = Writer();
        FineTuneAssert.MaskCovers(model, Words.Completions[1], " long end</s>");
        using ChatModel chat = Pretrained.ChatModel(_chat.Folder);
        FineTuneAssert.MaskCovers(chat, Words.Conversations[0], "good<|im_end|>");
        Conversation both = new([new("user", "the film?"), new("assistant", "good"), new("user", "a town?"), new("assistant", "Old Town")]);
        FineTuneAssert.MaskCovers(chat, both, "good<|im_end|>", "Old Town<|im_end|>");
        FineTuneAssert.MaskCovers(chat, both with { PromptTurns = 3 }, "Old Town<|im_end|>");
    }

    [Fact]
    public void It_learns_by_heart()
    {
        using CausalLanguageModel model = Writer();
        FineTuneAssert.OverfitsOneBatch(model, Words.Completions, one => model.Predict(one.Prompt.Text!) == one.Completion.Text, steps: 200, learningRate: 2e-2);
        using ChatModel chat = Pretrained.ChatModel(_chat.Folder);
        FineTuneAssert.OverfitsOneBatch(chat, Words.Conversations, one => chat.Reply([.. one.Turns.Take(one.Turns.Count - 1)]) == one.Turns[^1].Content, steps: 200, learningRate: 2e-2);
    }

    [Fact]
    public void It_is_saved_and_loaded()
    {
        using CausalLanguageModel llama = Writer(), gpt2 = Pretrained.CausalLanguageModel(_gpt2.Folder);
        foreach (CausalLanguageModel model in new[] { llama, gpt2 })
        {
            FineTuneAssert.SavesAndLoads(model, (one, folder) => one.Save(folder), folder => Pretrained.CausalLanguageModel(folder),
                one => one.Predict("the film"));
        }
    }

    [Fact]
    public void The_cache_changes_nothing()
    {
        string[] prompts = ["the film was good and", "a", "Anna Berg was"];
        using CausalLanguageModel llama = Writer(), gpt2 = Pretrained.CausalLanguageModel(_gpt2.Folder);
        foreach (CausalLanguageModel model in new[] { llama, gpt2 })
        {
            FineTuneAssert.CacheInvariant(options => model.GenerateBatch(prompts, options), new GenerationOptions { MaxNewTokens = 12 });
            FineTuneAssert.CacheInvariant(options => model.GenerateBatch(prompts, options), new GenerationOptions { MaxNewTokens = 8, NumBeams = 3, NumReturnSequences = 3 });
            FineTuneAssert.BatchInvariant(some => model.GenerateBatch(some, new GenerationOptions { MaxNewTokens = 12 }), prompts);
        }
    }

    [Fact]
    public async Task Streams_are_what_is_written_at_once()
    {
        using ChatModel chat = Pretrained.ChatModel(_chat.Folder);
        ChatTurn[] turns = [new("user", "the film?")];
        var options = new GenerationOptions { MaxNewTokens = 20, DoSample = true, Seed = 3 };
        await FineTuneAssert.StreamsWhatItWrites(() => chat.ReplyStreamingAsync(turns, options), () => chat.Reply(turns, options), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_shared_prompt_does_not_outlive_the_weights()
    {
        using CausalLanguageModel model = Writer();
        using SharedPrompt shared = model.SharePrompt("the film of Anna Berg was");
        // Without a cache no prompt is shared.
        string Answer(bool cached) => model.GenerateBatch(["the film of Anna Berg was good"], new GenerationOptions { MaxNewTokens = 12, UseCache = cached })[0][0].Text;
        FineTuneAssert.KeepsNothingStale(() => Answer(true), () => Answer(false),
            () => FineTuner.For(model).WithOptimizer(Optimizer.AdamW(1e-2)).Steps(20).BatchSize(4).Train(Words.Completions));
    }

    [Fact]
    public void A_preferred_answer_becomes_likelier()
    {
        using CausalLanguageModel model = Writer();
        TunableModel<PreferencePair> preferring = model.With(PreferenceLoss.Dpo(beta: 0.5));
        double Margin(PreferencePair pair) => FineTuneAssert.LossOf(model, new PromptCompletion(pair.Prompt, pair.Rejected)) - FineTuneAssert.LossOf(model, new PromptCompletion(pair.Prompt, pair.Chosen));
        Dictionary<PreferencePair, double> before = Words.Preferences.ToDictionary(pair => pair, Margin);
        FineTuner.For(preferring).WithOptimizer(Optimizer.AdamW(1e-2)).Steps(30).BatchSize(4).Train(Words.Preferences);
        foreach (PreferencePair pair in Words.Preferences) Assert.True(Margin(pair) > before[pair], $"{pair.Chosen} against {pair.Rejected}");
    }
}
