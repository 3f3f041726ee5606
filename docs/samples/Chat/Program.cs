// Tunes a small decoder on the questions and answers of a bicycle shop and talks with you. Without a terminal, or with --ask, it answers and ends.
// dotnet run --project docs/samples/Chat --configuration Release -- [--ask "When are you open?"] [--model DIR] [--epochs N] [--rate R] [--seed N] [--test FILE] [--out DIR]
using Chat;
using FineTuning;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Samples;
using FineTuning.Text;
using FineTuning.Training;

try
{
    TalkArguments arguments = TalkArguments.Parse(args, epochs: 8);
    Conversation[] train = [.. Conversations.Read(TalkArguments.Beside("data/train.jsonl"))];
    Console.WriteLine($"{train.Length} conversations to train on");

    using ChatModel model = Pretrained.ChatModel(arguments.Model, new LanguageModelOptions { Seed = arguments.Seed });
    var bar = new ProgressBar();
    TrainingResult result = FineTuner.For(model)
        .WithOptimizer(Optimizer.AdamW(learningRate: arguments.LearningRate, weightDecay: 0.01))
        .WithScheduler(Schedule.Linear(warmup: 0.1))
        .BatchSize(16).Epochs(arguments.Epochs).Seed(arguments.Seed)
        .OnProgress(bar.Show)
        .Train(train);
    bar.Clear();
    Console.WriteLine(result);
    var limits = new GenerationOptions { MaxNewTokens = 60 };
    HeldOut.Test(model, limits, arguments.Test ?? TalkArguments.Beside("data/heldout.jsonl"));
    if (arguments.Output is { } folder)
    {
        model.Save(folder);
        Console.WriteLine($"The tuned model is in {Path.GetFullPath(folder)}");
    }

    foreach (string question in arguments.Asked) await Answer([new("user", question)], show: true);
    if (arguments.Asked.Length > 0 || Console.IsInputRedirected) return 0;

    Console.WriteLine("Ask the shop something; an empty line begins anew, Ctrl+C or end of input leaves.");
    var turns = new List<ChatTurn>();
    while (true)
    {
        Console.Write("> ");
        if (Console.ReadLine() is not { } line) return 0;
        if (line.Length == 0) turns.Clear();
        if (string.IsNullOrWhiteSpace(line)) continue;
        // The starter has seen three questions in a row, no more.
        if (turns.Count >= 4) turns.RemoveRange(0, 2);
        turns.Add(new("user", line));
        turns.Add(new("assistant", await Answer(turns, show: false)));
    }

    async Task<string> Answer(List<ChatTurn> turns, bool show)
    {
        if (show) Console.WriteLine($"> {turns[^1].Content}");
        string answer = "";
        await foreach (string piece in model.ReplyStreamingAsync(turns, limits))
        {
            Console.Write(piece);
            answer += piece;
        }
        Console.WriteLine();
        return answer;
    }
}
catch (Exception problem) when (problem is FineTuningException or IOException)
{
    Console.Error.WriteLine(problem.Message);
    return 1;
}
