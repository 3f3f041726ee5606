using FineTuning.Examples;
using FineTuning.Text;

namespace FineTuning.Testing.Tests;

/// <summary>A few texts of different lengths for every head.</summary>
internal static class Words
{
    public static readonly LabeledText<string>[] Reviews =
    [
        new("a good film", "good"), new("bad", "bad"), new("it was good and the end was good too", "good"), new("a long bad film with a bad end", "bad"),
        new("good end", "good"), new("the film was bad and long", "bad"), new("a film", "neither"), new("the end was long and it was a film", "neither"),
    ];

    public static readonly string[] Labels = ["good", "bad", "neither"];

    public static readonly TaggedText[] Sentences =
    [
        new AnnotatedText("the film of Anna Berg was good", [new("PER", 12, 21)]), new AnnotatedText("Anna", [new("PER", 0, 4)]),
        new AnnotatedText("it was long in Old Town", [new("LOC", 15, 23)]), new AnnotatedText("a good film with Max of Old Town", [new("PER", 17, 20), new("LOC", 24, 32)]),
    ];

    public static readonly AnsweredQuestion[] Questions =
    [
        new("who was good", "the film of Anna Berg was good", new GivenAnswer("Anna Berg", 12)), new("where", "it was long in Old Town", new GivenAnswer("Old Town", 15)),
        new("what was long", "the end was long", new GivenAnswer("the end", 0)), new("who", "Max was in Old Town and it was good", new GivenAnswer("Max", 0)),
    ];

    public static readonly PromptCompletion[] Completions =
    [
        new("the film was", " good"), new("a long film has a", " long end"), new("Anna Berg was in", " Old Town and it was good"), new("bad", " end"),
    ];

    public static readonly Conversation[] Conversations =
    [
        new([new("user", "the film?"), new("assistant", "good")]), new([new("user", "a town?"), new("assistant", "Old Town")]),
        new([new("system", "be long"), new("user", "who?"), new("assistant", "Anna Berg and Max")]),
    ];

    public static readonly PreferencePair[] Preferences =
    [
        new("the film was", " good", " bad and long"), new("a long film has a", " long end", " town"), new("Anna was", " in Old Town", " bad"), new("the end is", " good", " a film"),
    ];

    public static readonly TextTriple[] Triples =
    [
        new("a good film", "the film was good", "the end was bad"), new("Old Town", "in Old Town", "a long end"), new("Anna Berg", "Anna was here with Berg", "the film was bad and long"),
    ];

    public static IEnumerable<string> Texts => Reviews.Select(review => review.Text).Concat(Questions.SelectMany(question => new[] { question.Question, question.Context }))
        .Concat(Completions.Select(one => one.Prompt.Text + one.Completion.Text)).Concat(Conversations.SelectMany(one => one.Turns.Select(turn => turn.Content ?? "")))
        .Concat(Triples.SelectMany(triple => new[] { triple.Anchor, triple.Positive, triple.Negative }));
}
