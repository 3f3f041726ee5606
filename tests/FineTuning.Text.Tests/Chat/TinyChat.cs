using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FineTuning.Text;
using Microsoft.Extensions.Logging;

namespace FineTuning.Tests.Chat;

/// <summary>Byte-level tokenizers of a few hundred entries, with the control tokens that a template writes.</summary>
internal static partial class TinyChat
{
    private static readonly string[] Sentences =
    [
        "What is 2+2?", "Name a river.", "You are terse.", "Capital of Peru? Of Chile? Of Bolivia?", "Hello, who are you?", "A friend. Welcome, friend!", "The answer is: yes yes yes yes yes yes yes yes yes yes yes yes",
        "Answer Answer Answer Answer:Answer:Answer:Answer\nAnswer\nAnswer\nAnswer", "system user assistant model\n\n\n\n\n\n", "think thinking tool tools", "Answer: yes\n\nAnswer: yes\n\nAnswer: no\n\n",
    ];

    private static readonly Lazy<TrainedVocabulary> Vocabulary = new(() => VocabularyTrainer.BytePair(Sentences.Concat(Sentences), new VocabularyOptions { Size = 420 }));

    /// <summary>A tokenizer with a template, special tokens of these roles, and the control tokens that the template writes.</summary>
    /// <param name="template">The template.</param>
    /// <param name="roles">Special tokens by role.</param>
    /// <param name="trims">Whether spaces are left out of the tokens' offsets.</param>
    public static PretrainedTokenizer Tokenizer(string template, IReadOnlyDictionary<string, string> roles, bool trims = false)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            Vocabulary.Value.Save(folder);
            string path = Path.Combine(folder, "tokenizer_config.json");
            var config = new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast", ["model_max_length"] = 4096 };
            foreach ((string role, string token) in roles) config[role] = token;
            File.WriteAllText(path, config.ToJsonString());
            string fast = Path.Combine(folder, "tokenizer.json");
            if (!trims) File.WriteAllText(fast, File.ReadAllText(fast).Replace("\"trim_offsets\": true", "\"trim_offsets\": false", StringComparison.Ordinal));
            IEnumerable<string> tokens = roles.Values.Concat(Controls().Matches(template).Select(match => match.Value)).Distinct();
            return PretrainedTokenizer.Load(folder).WithTokens(tokens.Select(token => new NewToken(token) { Special = true })).WithChatTemplate(template);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static IReadOnlyList<ChatTurn> Turns(params (string Role, string Content)[] turns) => [.. turns.Select(turn => new ChatTurn(turn.Role, turn.Content))];

    /// <summary>The text of the tokens that are learned, or of those that are not.</summary>
    public static string TextOf(EncodedChat chat, bool learned) => string.Concat(Enumerable.Range(0, chat.Ids.Length).Where(i => chat.LossMask[i] == learned).Select(i => chat.Text[chat.Starts[i]..chat.Ends[i]]));

    [GeneratedRegex(@"<[|｜][^<>'"" ]+[|｜]>|<(?:start|end)_of_turn>|\[/?INST\]")]
    private static partial Regex Controls();
}

/// <summary>Keeps what is logged.</summary>
internal sealed class ListLogger : ILogger
{
    public List<(int Id, LogLevel Level, string Message)> Entries { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Entries.Add((eventId.Id, logLevel, formatter(state, exception)));
}
