namespace FineTuning.Examples;

/// <summary>Gives each example its neighbours as context, as FLERT does (Schweter and Akbik 2020).</summary>
public static class DocumentContext
{
    /// <summary>The examples with what precedes and after them in the same document; no label of the context is learned twice.</summary>
    /// <typeparam name="TExample">Tagged words or annotated texts.</typeparam>
    /// <param name="examples">In the order of the documents; streamed. Neighbours with the same <see cref="TaggedText.Document"/> belong together.</param>
    /// <param name="words">How many words of context are gathered on each side, at least, where the document has them.</param>
    public static IEnumerable<TExample> WithContext<TExample>(this IEnumerable<TExample> examples, int words = 64)
        where TExample : TaggedText
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfNegative(words);
        return Stream(examples.Select((example, index) => example is null or TaggedWords { Words: null } or AnnotatedText { Text: null }
            ? throw new Errors.TrainingDataException($"record {index}, or its Words or Text, is null; leave it out") : example), words);
    }

    private static IEnumerable<TExample> Stream<TExample>(IEnumerable<TExample> examples, int words)
        where TExample : TaggedText
    {
        // What is behind, the example itself, and enough of what is ahead.
        var behind = new List<TExample>();
        var ahead = new Queue<TExample>();
        using IEnumerator<TExample> source = examples.GetEnumerator();
        bool more = source.MoveNext();
        while (more || ahead.Count > 0)
        {
            while (more && (ahead.Count == 0 || (source.Current.Document == ahead.Peek().Document && Needs(ahead.Skip(1), words))))
            {
                ahead.Enqueue(source.Current);
                more = source.MoveNext();
            }
            TExample now = ahead.Dequeue();
            if (behind.Count > 0 && behind[^1].Document != now.Document) behind.Clear();
            yield return (TExample)(now with
            {
                Before = Enough(Enumerable.Reverse(behind), words).AsEnumerable().Reverse().SelectMany(Parts).ToArray(),
                After = Enough(ahead.TakeWhile(next => next.Document == now.Document), words).SelectMany(Parts).ToArray(),
            });
            behind.Add(now);
            while (behind.Count > 1 && !Needs(behind.Skip(1), words)) behind.RemoveAt(0);
        }
    }

    private static bool Needs(IEnumerable<TaggedText> gathered, int words) => gathered.Sum(Size) < words;

    private static List<TaggedText> Enough(IEnumerable<TaggedText> nearestFirst, int words)
    {
        var taken = new List<TaggedText>();
        foreach (TaggedText next in nearestFirst)
        {
            if (!Needs(taken, words)) break;
            taken.Add(next);
        }
        return taken;
    }

    private static IReadOnlyList<string> Parts(TaggedText example) => example switch
    {
        TaggedWords words => words.Words,
        AnnotatedText text => [text.Text],
        _ => [],
    };

    // Five characters a word and a space: what is gathered need not be exact, the model cuts it by its own tokens.
    private static int Size(TaggedText example) => example switch
    {
        TaggedWords words => words.Words.Count,
        AnnotatedText text => (text.Text.Length + 5) / 6,
        _ => 0,
    };
}
