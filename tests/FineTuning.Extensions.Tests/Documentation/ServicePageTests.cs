using FineTuning.Examples;
using FineTuning.Extensions.AI;
using FineTuning.Extensions.Hosting;
using FineTuning.Heads;
using FineTuning.Testing;
using FineTuning.Training;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace FineTuning.Extensions.Tests.Documentation;

/// <summary>The snippets of docs/service.md, which run here.</summary>
public sealed class ServicePageTests
{
    private static LabeledText<string>[] Requests() =>
        [new("I was charged twice", "Billing"), new("I cannot log in", "Account"), new("the parcel never arrived", "Shipping"), new("charged for nothing", "Billing")];

    [Fact]
    public async Task A_model_in_a_host()
    {
        LabeledText<string>[] requests = Requests();
        CancellationToken stop = TestContext.Current.CancellationToken;
        using TinyCheckpoint made = TinyCheckpoint.Encoder(requests.Select(request => request.Text));
        DirectoryInfo work = Directory.CreateTempSubdirectory("finetuning-service-");
        (string checkpoint, string tuned) = (Path.Combine(work.FullName, "intents"), Path.Combine(work.FullName, "tuned"));
        using (TextClassifier<string> untrained = Pretrained.TextClassifier(made.Folder, new TextClassifierOptions<string> { Labels = ["Billing", "Account", "Shipping"], FreshHead = true })) untrained.Save(checkpoint);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        // snippet: service-register
        builder.Services.AddFineTunedModel(checkpoint, folder => Pretrained.TextClassifier<string>(folder), options =>
        {
            options.MaximumBatch = 32;                          // what waits is computed together
            options.QueueCapacity = 1024;                       // who comes beyond that waits, or is refused: options.WhenFull
            options.Deadline = TimeSpan.FromSeconds(2);         // who is late gets a TimeoutException, and is not computed
        });
        builder.Services.AddHealthChecks().AddFineTunedModel<string, Classification<string>>();
        builder.Services.AddModelTraining();
        // end
        using IHost host = builder.Build();
        await host.StartAsync(stop);
        IServiceProvider services = host.Services;
        // snippet: service-ask
        ServedModel<string, Classification<string>> model = services.GetRequiredService<ServedModel<string, Classification<string>>>();
        Classification<string> answer = await model.PredictAsync("I was charged twice", cancellation: stop);
        // end
        Assert.InRange(answer.Confidence, 0, 1);
        // snippet: service-train
        ModelTraining training = services.GetRequiredService<ModelTraining>();
        TrainingJob job = training.Start("intents", () => Pretrained.TextClassifier<string>(checkpoint), requests, tuner => tuner.Epochs(2),
            async (trained, result, stopping) =>
            {
                trained.Save(tuned);
                await model.SwapAsync(tuned, stopping);        // the new model answers; the old one is freed behind its last caller
            });
        job.Progressed += progress => Show(progress.Step, progress.TotalSteps);
        await job.Completion;
        // end
        Assert.Equal(tuned, model.Folder);
        await host.StopAsync(stop);
        work.Delete(recursive: true);
    }

    private static void Show(long step, long steps) => Assert.InRange(step, 0, steps);

    [Fact]
    public async Task A_model_as_a_chat_client()
    {
        (ChatModel chatModel, IDisposable folder) = AI.ToolTexts.Teach();
        using (folder)
        using (chatModel)
        {
            // snippet: service-chat
            AIFunction weather = AIFunctionFactory.Create((string city) => city == "Ulm" ? "18 degrees" : "unknown", "weather", "The weather of a city.");
            using IChatClient client = chatModel.AsChatClient("shop").AsBuilder().UseFunctionInvocation().Build();
            ChatResponse response = await client.GetResponseAsync("is it warm in Ulm?", new ChatOptions { Tools = [weather], MaxOutputTokens = 60 });
            // end
            Assert.Equal("It is warm in Ulm.", response.Messages[^1].Text);
        }
    }

    [Fact]
    public async Task An_encoder_as_a_generator_of_embeddings()
    {
        using TinyCheckpoint checkpoint = TinyCheckpoint.Encoder(Requests().Select(request => request.Text));
        using SentenceEncoder encoder = Pretrained.SentenceEncoder(checkpoint.Folder);
        // snippet: service-embeddings
        IEmbeddingGenerator<string, Embedding<float>> generator = encoder.AsEmbeddingGenerator("sentences");
        ReadOnlyMemory<float> vector = await generator.GenerateVectorAsync("I was charged twice");
        // end
        Assert.Equal(encoder.Dimension, vector.Length);
    }
}
