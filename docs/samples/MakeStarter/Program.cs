// Makes the checkpoint that QuickStart carries: a compact BERT with a vocabulary of its own, trained on masked words of books, then
// taught a larger encoder's vectors over unlabelled sentences. The README says with which files and what came out.
// dotnet run --project docs/samples/MakeStarter --configuration Release -- --text BOOK... --unlabelled FILE... --teacher DIR
// With chat or translate as its first word it makes the checkpoint of Chat or of Translate, from the grammars here alone.
using System.Diagnostics;
using FineTuning;
using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using MakeStarter;

const int HeldOutShare = 50, MaximumLength = 128;
try
{
    long started = Stopwatch.GetTimestamp();
    if (args is ["chat" or "translate", ..])
    {
        if (args[0] == "chat") ChatStarter.Make(SmallArguments.Parse(args[1..], examples: 30_000, epochs: 1));
        else TranslateStarter.Make(SmallArguments.Parse(args[1..], examples: 60_000, epochs: 3));
        Console.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes");
        return 0;
    }
    StarterArguments arguments = StarterArguments.Parse(args);
    Corpus corpus = Corpus.Read(arguments);
    Console.WriteLine(corpus.Summary);

    string[] texts = arguments.Teacher is null ? [] : [.. corpus.Taught.Take(arguments.Taught)];
    TaughtText[] lessons = texts.Length == 0 ? [] : [.. texts.Zip(Teacher.Vectors(arguments.Teacher!, texts, arguments.Cache), (text, vector) => new TaughtText(text, vector))];

    TrainedVocabulary vocabulary = VocabularyTrainer.WordPiece(corpus.All, new VocabularyOptions { Size = arguments.VocabularySize, MinimumFrequency = 3, AlphabetLimit = 120, MaximumLength = MaximumLength });
    vocabulary.Save(arguments.Output);
    string configuration = $$"""
        {
          "architectures": ["BertModel"], "model_type": "bert", "vocab_size": {{vocabulary.Entries.Count}}, "hidden_size": 192, "num_hidden_layers": 3,
          "num_attention_heads": 6, "intermediate_size": 768, "max_position_embeddings": {{MaximumLength}}, "type_vocab_size": 2, "hidden_act": "gelu",
          "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "initializer_range": 0.02, "pad_token_id": 0
        }
        """;
    using (OutputHead fresh = OutputHead.Create(configuration, HeadKind.MaskedLanguage, options: new ModelLoadOptions { Seed = arguments.Seed })) fresh.Save(arguments.Output);

    // One sentence in fifty is held out of both runs, to see how well they go.
    string[] Part(IReadOnlyList<string> texts, bool held) => [.. texts.Where((_, place) => place % HeldOutShare == 0 == held)];
    using MaskedLanguageModel masked = Pretrained.MaskedLanguageModel(arguments.Output, new MaskedLanguageOptions { MaximumLength = 64, Dropout = 0, Seed = arguments.Seed });
    if (arguments.MaskedEpochs > 0)
    {
        Console.WriteLine($"masked words: {vocabulary.Entries.Count} entries, {masked.Weights.ParameterCount():N0} parameters");
        FineTuner.For(masked)
            .WithOptimizer(Optimizer.AdamW(learningRate: 1e-3, weightDecay: 0.01)).WithScheduler(Schedule.Linear(warmup: 0.1))
            .BatchSize(64).Epochs(arguments.MaskedEpochs).Seed(arguments.Seed).WithPrecision(Precision.BFloat16)
            .ValidateOn(Part(corpus.Masked, held: true)).OnProgress(Progress.Show).OnEvaluation(Progress.Show)
            .Train(Part(corpus.Masked, held: false));
    }
    if (lessons.Length == 0)
    {
        using OutputHead trunk = OutputHead.On(masked.Trunk, HeadKind.None);
        trunk.Save(arguments.Output, stored: Precision.BFloat16);
    }
    else
    {
        using OutputHead encoder = OutputHead.On(masked.Trunk, HeadKind.SequenceClassification, lessons[0].Vector.Length, new ModelLoadOptions { Seed = arguments.Seed });
        using var student = new TaughtEncoder(encoder, masked.Tokenizer, (ulong)arguments.Seed);
        Console.WriteLine($"the teacher's vectors of {lessons.Length} texts");
        FineTuner.For(student)
            .WithOptimizer(Optimizer.AdamW(arguments.LearningRate, weightDecay: 0.01)).WithScheduler(Schedule.Linear(warmup: 0.05))
            .BatchSize(256).Epochs(arguments.TaughtEpochs).Seed(arguments.Seed).WithPrecision(Precision.BFloat16)
            .ValidateOn(lessons.Where((_, place) => place % HeldOutShare == 0)).OnProgress(Progress.Show).OnEvaluation(Progress.Show)
            .Train(lessons.Where((_, place) => place % HeldOutShare != 0));
        // A base checkpoint keeps the trunk and its pooler, not the matrices to the teacher's vectors.
        encoder.Save(arguments.Output);
        using OutputHead trunk = OutputHead.Load(arguments.Output, HeadKind.None);
        trunk.Save(arguments.Output, stored: Precision.BFloat16);
    }
    Console.WriteLine($"{arguments.Output}: {Directory.GetFiles(arguments.Output).Sum(file => new FileInfo(file).Length) / 1024:N0} KB in {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes");
    return 0;
}
catch (Exception problem) when (problem is FineTuningException or IOException)
{
    Console.Error.WriteLine(problem.Message);
    return 1;
}
