namespace FineTuning.Training;

/// <summary>See <see cref="Augmentation.Words"/>.</summary>
/// <param name="Swap">Of the words, the share that change places.</param>
/// <param name="Delete">The probability of a word to be left out.</param>
/// <param name="Crop">The largest share that is cut off.</param>
internal sealed record WordAugmentation(double Swap, double Delete, double Crop) : Augmentation
{
    internal override void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities)
    {
        CutEnds(text, draw);
        int[] free = text.Free;
        if (free.Length > 1)
        {
            for (int swaps = (int)Math.Round(Swap * free.Length / 2, MidpointRounding.AwayFromZero); swaps > 0; swaps--)
            {
                int first = draw.Below(free.Length), second = (first + 1 + draw.Below(free.Length - 1)) % free.Length;
                (string one, string other) = (text.Words[free[first]].Text, text.Words[free[second]].Text);
                text.Replace(free[first], other);
                text.Replace(free[second], one);
            }
        }
        if (Delete <= 0) return;
        HashSet<int> gone = [.. free.Where(_ => draw.Next() < Delete)];
        // A text keeps a word at least.
        if (gone.Count > 0 && gone.Count == text.Words.Count(word => word.IsFree || word.Group >= 0)) gone.Remove(free[draw.Below(free.Length)]);
        text.Keep(i => !gone.Contains(i));
    }

    internal override void CollectViolations(List<string> violations)
    {
        if (Swap is not (>= 0 and <= 1)) violations.Add($"the share of words that change places is {Swap}: it is from 0 to 1");
        if (Delete is not (>= 0 and < 1)) violations.Add($"the probability of a word to be left out is {Delete}: it is from 0 to below 1");
        if (Crop is not (>= 0 and < 1)) violations.Add($"the share of a text that is cropped is {Crop}: it is from 0 to below 1");
    }

    private void CutEnds(AugmentedText text, AugmentationDraw draw)
    {
        int count = text.Words.Count, cut = (int)(Crop * draw.Next() * count);
        if (Crop <= 0 || cut == 0) return;
        int start = draw.Below(cut + 1), end = start + count - cut;
        // An entity is in or out.
        while (start > 0 && text.Words[start].Group >= 0 && text.Words[start - 1].Group == text.Words[start].Group) start--;
        while (end < count && text.Words[end - 1].Group >= 0 && text.Words[end].Group == text.Words[end - 1].Group) end++;
        if (text.Words.Take(start..end).Any(word => word.IsFree || word.Group >= 0)) text.Keep(i => i >= start && i < end);
    }
}

/// <summary>See <see cref="Augmentation.Characters"/>.</summary>
/// <param name="Share">The probability of a word to have a slip.</param>
internal sealed record CharacterAugmentation(double Share) : Augmentation
{
    internal override void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities)
    {
        foreach (int index in text.Free)
        {
            string word = text.Words[index].Text;
            // Of two letters at least, each one unit.
            if (draw.Next() >= Share || word.Length < 2 || word.Any(char.IsSurrogate)) continue;
            int at = draw.Below(word.Length - 1);
            text.Replace(index, draw.Below(4) switch
            {
                0 => word[..at] + word[at + 1] + word[at] + word[(at + 2)..],
                1 => word[..at] + word[(at + 1)..],
                2 => word[..at] + word[at] + word[at..],
                _ => word[..at] + word[draw.Below(word.Length)] + word[(at + 1)..],
            });
        }
    }

    internal override void CollectViolations(List<string> violations)
    {
        if (Share is not (>= 0 and <= 1)) violations.Add($"the probability of a word to have a slip is {Share}: it is from 0 to 1");
    }
}

/// <summary>See <see cref="Augmentation.Entities"/>.</summary>
/// <param name="Share">The probability of an entity to be exchanged.</param>
internal sealed record EntityAugmentation(double Share) : Augmentation
{
    internal override bool NeedsEntities => true;

    internal override void Apply(AugmentedText text, AugmentationDraw draw, EntityBank entities)
    {
        for (int group = 0; group < text.Types.Count; group++)
        {
            if (draw.Next() >= Share || text.Types[group] is not { } type || entities.Of(type) is not { Count: > 1 } known) continue;
            if (text.Of(group).Length > 0) text.Replace(group, known[draw.Below(known.Count)]);
        }
    }

    internal override void CollectViolations(List<string> violations)
    {
        if (Share is not (>= 0 and <= 1)) violations.Add($"the probability of an entity to be exchanged is {Share}: it is from 0 to 1");
    }
}
