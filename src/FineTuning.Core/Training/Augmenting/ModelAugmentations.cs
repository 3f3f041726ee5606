using System.Text.Json.Serialization;
using FineTuning.Heads;

namespace FineTuning.Training;

/// <summary>See <see cref="Augmentation.MaskFilling"/>.</summary>
/// <param name="Share">Of the words, the share that is masked.</param>
internal sealed record FillingAugmentation(double Share) : Augmentation
{
    private const int LongestRun = 3, Candidates = 20;

    // The recipe does not hold it.
    [JsonIgnore]
    public MaskedLanguageModel? Model { get; init; }

    public bool Equals(FillingAugmentation? other) => other is not null && Share.Equals(other.Share);

    public override int GetHashCode() => Share.GetHashCode();

    internal override void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities)
    {
        MaskedLanguageModel model = Model!;
        string mask = model.Tokenizer.Token(model.MaskId)!;
        int[] free = text.Free, masked = Choose(free, draw);
        string[] words = [.. masked.Select(index => text.Words[index].Text)];
        foreach (int index in masked) text.Replace(index, mask);
        (string shown, _) = text.Join();
        // By itself, so that the numbers do not depend on which texts stand beside it.
        FilledText? filled = Shows(model, shown) ? model.Predict(shown, new FillOptions { Count = Candidates }) : null;
        for (int i = 0; i < masked.Length; i++) text.Replace(masked[i], Draw(filled?.Masks.ElementAtOrDefault(i), draw) ?? words[i]);
    }

    internal override void CollectViolations(List<string> violations)
    {
        if (Share is not (> 0 and <= 1)) violations.Add($"the share of words that is masked is {Share}: it is above 0 and at most 1");
        if (Model is null) violations.Add("a recipe does not hold the model that fills masks: give it again with Augmentation.MaskFilling(model)");
    }

    // Runs of up to three words, rising.
    private int[] Choose(int[] free, AugmentationDraw draw)
    {
        int wanted = Math.Min(free.Length, (int)Math.Ceiling(Share * free.Length));
        var chosen = new SortedSet<int>();
        while (chosen.Count < wanted)
        {
            int start = draw.Below(free.Length), length = 1 + draw.Below(LongestRun);
            for (int i = start; i < Math.Min(free.Length, start + length) && chosen.Count < wanted; i++) chosen.Add(free[i]);
        }
        return [.. chosen];
    }

    private static bool Shows(MaskedLanguageModel model, string text) => model.Tokenizer.Encode(text, null, new Text.TokenizingOptions
        { MaximumLength = model.MaximumLength, Truncation = Text.TruncationStrategy.LongestFirst }).Ids.Contains(model.MaskId);

    // A whole word of letters, by its probability among such; null: there is none.
    private string? Draw(FilledMask? mask, AugmentationDraw draw)
    {
        string prefix = Model!.Tokenizer.ContinuationPrefix;
        (string Word, double Score)[] words = [.. (mask?.Candidates ?? []).Where(candidate => prefix.Length == 0
            || !(Model.Tokenizer.Token(candidate.TokenId) ?? "").StartsWith(prefix, StringComparison.Ordinal))
            .Select(candidate => (candidate.Token.Trim(), candidate.Score)).Where(pair => pair.Item1.Length > 0 && pair.Item1.All(char.IsLetter))];
        double rest = draw.Next() * words.Sum(word => word.Score);
        foreach ((string word, double score) in words)
        {
            rest -= score;
            if (rest < 0) return word;
        }
        return null;
    }
}

/// <summary>See <see cref="Augmentation.Rewriting"/>.</summary>
/// <param name="Name">Stands for the function.</param>
internal sealed record RewritingAugmentation(string Name) : Augmentation
{
    // The recipe does not hold it.
    [JsonIgnore]
    public Func<string, long, string>? Rewrite { get; init; }

    public bool Equals(RewritingAugmentation? other) => other is not null && Name == other.Name;

    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);

    internal override void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities)
    {
        if (text.Words.Exists(word => word.Group >= 0)) return;
        string changed = Rewrite!(text.Join().Text, (long)(draw.Next() * (1L << 53)));
        if (!string.IsNullOrWhiteSpace(changed)) text.TryReplace(changed);
    }

    internal override void CollectViolations(List<string> violations)
    {
        if (Rewrite is null) violations.Add($"a recipe does not hold the function '{Name}': give it again with Augmentation.Rewriting(name, function)");
    }
}
