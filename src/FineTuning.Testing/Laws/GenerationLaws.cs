using FineTuning.Generation;
using FineTuning.Heads;
using FineTuning.Tasks;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>What is learned of an example is what should be, piece by piece, as text: answers with their end tokens, and nothing of the prompt.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="example">One that the model encodes.</param>
    /// <param name="expected">The stretches of text that are learned, in order, special tokens written out: <c>"Danube&lt;|im_end|&gt;"</c>.</param>
    /// <exception cref="LawBrokenException">The mask covers other text, or the row counts other targets.</exception>
    public static void MaskCovers<TExample>(CausalTextModel<TExample> model, TExample example, params IReadOnlyList<string> expected)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(expected);
        IReadOnlyList<string> found = model.LearnedTexts(example);
        if (!found.SequenceEqual(expected, StringComparer.Ordinal))
            throw Broken(nameof(MaskCovers), Show(expected), Show(found), "what is learned of the example");

        static string Show(IReadOnlyList<string> texts) =>
            texts.Count == 0 ? "nothing" : string.Join(" and ", texts.Select(text => $"\"{text.ReplaceLineEndings("\\n")}\""));
    }

    /// <summary>Rows that several texts share cost what the texts cost alone, and have as many targets.</summary>
    /// <typeparam name="TExample">What the models train on.</typeparam>
    /// <param name="packed">A model that packs texts without cutting them.</param>
    /// <param name="plain">The same checkpoint without packing.</param>
    /// <param name="examples">Several that fit into a row together.</param>
    /// <param name="tolerance">Relative to the loss. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">Texts in a row see each other, or their positions run on.</exception>
    public static void PackingInvariant<TExample>(
        TunableModel<TExample> packed, TunableModel<TExample> plain, IReadOnlyList<TExample> examples, double tolerance = 1e-4)
    {
        Runs.Require(examples, 2);
        IReadOnlyList<EncodedRow> together = Rows.Of(packed, examples), alone = Rows.Of(plain, examples);
        if (together.Count >= alone.Count) throw new ArgumentException($"{alone.Count} texts make {together.Count} rows: nothing is packed", nameof(packed));
        (double loss, double targets) = Sum(packed, together);
        (double expected, double count) = Sum(plain, alone);
        if (!Numbers.Agree(count, targets, 1e-6))
            throw Broken(nameof(PackingInvariant), $"{Numbers.Show(count)} targets", Numbers.Show(targets), "the packed rows");
        if (!Numbers.Agree(expected, loss, tolerance))
            throw Broken(nameof(PackingInvariant), $"{Numbers.Show(expected)}, as in rows of their own", Numbers.Show(loss),
                $"the loss of {alone.Count} texts in {together.Count} rows");

        static (double, double) Sum(TunableModel<TExample> model, IReadOnlyList<EncodedRow> rows)
        {
            (double Loss, double Targets)[] all = [.. rows.Select(row => Rows.Loss(model, [row]))];
            return (all.Sum(row => row.Loss), all.Sum(row => row.Targets));
        }
    }

    /// <summary>The cache of keys and values changes nothing but time: with and without it, the same is written.</summary>
    /// <typeparam name="TText">What is written; compared as JSON.</typeparam>
    /// <param name="write">Writes by some options.</param>
    /// <param name="options">Beams, sampling and the rest. Null: the defaults.</param>
    /// <exception cref="LawBrokenException">The cache holds something else than what would be computed.</exception>
    public static void CacheInvariant<TText>(Func<GenerationOptions, TText> write, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(write);
        options ??= new GenerationOptions();
        TText cached = write(options with { UseCache = true }), computed = write(options with { UseCache = false });
        if (Predictions.Difference(computed, cached, 1e-4) is { } difference)
            throw Broken(nameof(CacheInvariant), $"{difference.Left}, as without a cache", difference.Right,
                $"{difference.Path} of what is written with a cache");
    }

    /// <summary>The pieces of a stream together are the text that is written at once.</summary>
    /// <param name="stream">Writes in pieces.</param>
    /// <param name="whole">Writes the same at once.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="LawBrokenException">A piece is missing, doubled or changed.</exception>
    public static async Task StreamsWhatItWrites(Func<IAsyncEnumerable<string>> stream, Func<string> whole, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(whole);
        var pieces = new List<string>();
        await foreach (string piece in stream().WithCancellation(cancellation).ConfigureAwait(false)) pieces.Add(piece);
        (string found, string expected) = (string.Concat(pieces), whole());
        if (found != expected) throw Broken(nameof(StreamsWhatItWrites), $"\"{expected}\"", $"\"{found}\"", $"a stream of {pieces.Count} pieces");
    }
}
