using FineTuning;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;

namespace MakeStarter;

/// <summary>Makes the checkpoint that Chat carries: a small LLaMA with a vocabulary of its own, trained on conversations that a grammar draws.</summary>
internal static class ChatStarter
{
    private const int MaximumLength = 160, VocabularySize = 1200;
    private static readonly string Sample = Path.Combine("docs", "samples", "Chat");

    public static void Make(SmallArguments arguments)
    {
        string bare = Directory.CreateTempSubdirectory("chat-base").FullName, folder = Directory.CreateTempSubdirectory("chat-starter").FullName;
        Conversation[] drawn = Draw(arguments.Examples, arguments.Seed);
        // The words of the template are in the vocabulary, too.
        IEnumerable<string> texts = drawn.SelectMany(chat => chat.Turns).SelectMany(turn => new[] { turn.Role + "\n", turn.Content! });
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(texts, new VocabularyOptions { Size = VocabularySize, MaximumLength = MaximumLength });
        vocabulary.Save(bare);
        string configuration = $$"""
            {
              "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": {{vocabulary.Entries.Count}}, "hidden_size": 128, "num_hidden_layers": 3,
              "num_attention_heads": 4, "intermediate_size": 320, "max_position_embeddings": {{MaximumLength}}, "tie_word_embeddings": true,
              "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "rope_theta": 10000.0
            }
            """;
        using (OutputHead fresh = OutputHead.Create(configuration, HeadKind.CausalLanguage, options: new ModelLoadOptions { Seed = arguments.Seed })) fresh.Save(bare);
        Pretrained.AddChatFormat(bare, folder, ChatFormat.ChatMl);
        Directory.Delete(bare, recursive: true);
        var options = new LanguageModelOptions { Packing = PackingStrategy.Whole, MaximumLength = MaximumLength, Learned = LearnedTokens.Everything, Seed = arguments.Seed };
        using (ChatModel model = Pretrained.ChatModel(folder, options))
        {
            Console.WriteLine($"{drawn.Length} conversations, {vocabulary.Entries.Count} entries, {model.Weights.ParameterCount():N0} weights");
            FineTuner.For(model)
                .WithOptimizer(Optimizer.AdamW(arguments.LearningRate, weightDecay: 0.01)).WithScheduler(Schedule.Linear(warmup: 0.05))
                .BatchSize(16).Epochs(arguments.Epochs).Seed(arguments.Seed)
                .ValidateOn(drawn.Where((_, index) => index % 50 == 0)).OnProgress(Progress.Show).OnEvaluation(Progress.Show)
                .Train(drawn.Where((_, index) => index % 50 != 0));
            model.Save(folder);
        }
        SmallArguments.Finish(folder, HeadKind.CausalLanguage, arguments.Output ?? Path.Combine(Sample, "starter"));
    }

    /// <summary>Conversations of one to three questions; none of them resembles a question of the sample.</summary>
    private static Conversation[] Draw(int count, int seed)
    {
        var grammar = new Grammar(Path.Combine("docs", "samples", "MakeStarter", "conversations.grammar"));
        string data = Path.Combine(Sample, "data");
        var kept = new HeldOut(
        [
            .. JsonLines.Read(Path.Combine(data, "heldout.jsonl")).Select(row => row["question"]),
            .. Conversations.Read(Path.Combine(data, "train.jsonl")).SelectMany(chat => chat.Turns).Where(turn => turn.Role == "user").Select(turn => turn.Content!),
        ]);
        string[] topics = [.. grammar.Names.Where(name => name[0] == 'q').Select(name => name[1..])];
        var random = new Random(seed);
        var chats = new Conversation[count];
        for (int i = 0; i < count; i++)
        {
            var turns = new List<ChatTurn>();
            int questions = random.Next(10) switch { < 6 => 1, < 9 => 2, _ => 3 };
            while (turns.Count < 2 * questions)
            {
                string topic = topics[random.Next(topics.Length)], question = grammar.Text("q" + topic, random);
                if (kept.Resembles(question)) continue;
                // People write in haste.
                if (random.Next(8) == 0) question = question.ToLowerInvariant();
                if (random.Next(8) == 0) question = question.TrimEnd('?', '.', '!');
                turns.Add(new("user", question));
                turns.Add(new("assistant", grammar.Text("a" + topic, random)));
            }
            chats[i] = new(turns);
        }
        return chats;
    }
}
