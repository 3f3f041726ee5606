using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Testing;
using FineTuning.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace FineTuning.Extensions.Tests;

/// <summary>The sample Service, asked over HTTP at a free port.</summary>
public sealed class ServiceSampleTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Three_models_answer_over_http()
    {
        (ChatModel model, IDisposable folder) = AI.ToolTexts.Teach();
        DirectoryInfo work = Directory.CreateTempSubdirectory("finetuning-service-");
        using (folder)
        using (model)
        using (TinyCheckpoint encoder = TinyCheckpoint.Encoder(["I was charged twice for the order", "I forgot my password and cannot log in", "the parcel never arrived"]))
        {
            string chat = Path.Combine(work.FullName, "chat");
            model.Save(chat);
            await using WebApplication app = Service.ServiceApp.Create(["--urls", "http://127.0.0.1:0", "--Models:Classifier", encoder.Folder, "--Models:Sentences", encoder.Folder,
                "--Models:Chat", chat, "--Models:Tuned", Path.Combine(work.FullName, "tuned"), "--Logging:LogLevel:Default", "Warning"]);
            await app.StartAsync(Stop);
            using var client = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()) };

            Assert.Equal("Healthy", await client.GetStringAsync("/health", Stop));
            JsonElement before = await Post(client, "/classify", new { text = "I was charged twice" });
            Assert.InRange(before.GetProperty("confidence").GetDouble(), 0, 1);
            JsonElement vectors = await Post(client, "/embeddings", new { texts = new[] { "the parcel", "the order" } });
            Assert.Equal([16, 16], vectors.EnumerateArray().Select(vector => vector.GetArrayLength()));

            using var request = new HttpRequestMessage(HttpMethod.Post, "/chat") { Content = JsonContent.Create(new { messages = new[] { new { role = "user", content = "hello" } } }) };
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
            var pieces = new List<SseItem<string>>();
            await foreach (SseItem<string> piece in SseParser.Create(await response.Content.ReadAsStreamAsync(Stop)).EnumerateAsync(Stop)) pieces.Add(piece);
            Assert.Equal("Good day to you!", string.Concat(pieces.Where(piece => piece.EventType == "message").Select(piece => piece.Data)));
            Assert.Equal("stop", Assert.Single(pieces, piece => piece.EventType == "end").Data);

            using HttpResponseMessage accepted = await client.PostAsync("/train", null, Stop);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            using HttpResponseMessage wrong = await client.PostAsync("/classify", new StringContent("{", System.Text.Encoding.UTF8, "application/json"), Stop);
            Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
            await app.StopAsync(Stop);
        }
        work.Delete(recursive: true);
    }

    private static async Task<JsonElement> Post(HttpClient client, string path, object body)
    {
        using HttpResponseMessage response = await client.PostAsJsonAsync(path, body, Stop);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>(Stop);
    }
}
