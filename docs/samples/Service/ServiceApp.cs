using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using FineTuning;
using FineTuning.Examples;
using FineTuning.Extensions.AI;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Training;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.AI;

namespace Service;

/// <summary>The service: what it serves, and its endpoints.</summary>
internal static class ServiceApp
{
    /// <summary>Makes the application; whoever asks runs it.</summary>
    public static WebApplication Create(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        IConfiguration models = builder.Configuration.GetSection("Models");
        string Folder(string name, string starter) => models[name] ?? Path.Combine(AppContext.BaseDirectory, starter);
        string classifier = Folder("Classifier", "encoder"), sentences = Folder("Sentences", "encoder"), chat = Folder("Chat", "decoder");

        builder.Services.AddFineTunedModel<string, Classification<string>>(classifier, Classifier, options => options.Deadline = TimeSpan.FromSeconds(10));
        builder.Services.AddFineTunedModel<string, float[]>(sentences, folder => Pretrained.SentenceEncoder(folder));
        builder.Services.AddModelTraining();
        builder.Services.AddSingleton(_ => Pretrained.ChatModel(chat));
        builder.Services.AddSingleton<IChatClient>(services => services.GetRequiredService<ChatModel>().AsChatClient("shop"));
        builder.Services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(
            services => services.GetRequiredService<IPredictor<string, float[]>>().AsEmbeddingGenerator("sentences"));
        builder.Services.AddHealthChecks().AddFineTunedModel<string, Classification<string>>();

        WebApplication app = builder.Build();
        app.MapPost("/classify", async (ClassifyRequest request, ServedModel<string, Classification<string>> model, CancellationToken stop) =>
        {
            Classification<string> answer = await model.PredictAsync(request.Text, cancellation: stop);
            return new ClassifyAnswer(answer.Label, answer.Confidence);
        });
        app.MapPost("/embeddings", async (EmbeddingsRequest request, IEmbeddingGenerator<string, Embedding<float>> generator, CancellationToken stop) =>
            (await generator.GenerateAsync(request.Texts, cancellationToken: stop)).Select(embedding => embedding.Vector));
        app.MapPost("/chat", (ChatRequest request, IChatClient client, CancellationToken stop) => TypedResults.ServerSentEvents(Pieces(request, client, stop)));
        // Learns in the background from the requests that come with the sample, and answers from then on.
        app.MapPost("/train", (ModelTraining training, ServedModel<string, Classification<string>> served) => Train(training, served, classifier, models["Tuned"] ?? "tuned"));
        app.MapHealthChecks("/health");
        return app;
    }

    private static TextClassifier<string> Classifier(string folder) =>
        // A checkpoint that was tuned names its labels; the starter has none.
        File.ReadAllText(Path.Combine(folder, "config.json")).Contains("id2label", StringComparison.Ordinal) ? Pretrained.TextClassifier<string>(folder)
            : Pretrained.TextClassifier(folder, new TextClassifierOptions<string> { Labels = [.. Requests().Select(request => request.Label).Distinct()] });

    private static IEnumerable<LabeledText<string>> Requests() =>
        Csv.Read(Path.Combine(AppContext.BaseDirectory, "data", "requests.csv")).LabeledTexts<string>(text: "text", label: "label");

    private static Accepted<string> Train(ModelTraining training, ServedModel<string, Classification<string>> served, string folder, string output)
    {
        TrainingJob job = training.Start("requests", () => Classifier(folder), Requests(),
            tuner => tuner.WithOptimizer(Optimizer.AdamW(learningRate: 3e-4)).Epochs(3).BatchSize(16),
            async (model, _, stop) =>
            {
                model.Save(output);
                await served.SwapAsync(output, stop);
            });
        return TypedResults.Accepted("/health", job.Name);
    }

    private static async IAsyncEnumerable<SseItem<string>> Pieces(ChatRequest request, IChatClient client, [EnumeratorCancellation] CancellationToken stop)
    {
        ChatMessage[] messages = [.. request.Messages.Select(message => new ChatMessage(new ChatRole(message.Role), message.Content))];
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, new ChatOptions { MaxOutputTokens = request.MaximumTokens ?? 60 }, stop))
        {
            if (update.Text.Length > 0) yield return new(update.Text);
            if (update.FinishReason is { } reason) yield return new(reason.Value, "end");
        }
    }
}

internal sealed record ClassifyRequest(string Text);

internal sealed record ClassifyAnswer(string Label, double Confidence);

internal sealed record EmbeddingsRequest(string[] Texts);

internal sealed record ChatRequest(IReadOnlyList<Message> Messages, int? MaximumTokens = null);

internal sealed record Message(string Role, string Content);
