using System.Numerics;

namespace FineTuning.Generation;

/// <summary>A rule that takes tokens out of the distribution that is drawn from.</summary>
/// <param name="scratch">Shared by the filters of one generation.</param>
/// <param name="least">So many of the best tokens stay, 1 or more: a beam search needs some that do not end the text.</param>
/// <param name="removed">The score of what is taken out.</param>
internal abstract class Filter(FilterScratch scratch, int least, float removed) : RowProcessor
{
    protected FilterScratch Scratch => scratch;

    protected int Least => least;

    protected float Removed => removed;

    /// <summary>Takes out what is below a limit.</summary>
    protected void RemoveBelow(Span<float> scores, float limit)
    {
        int i = 0;
        Vector<float> least = new(limit), outside = new(removed);
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var some = new Vector<float>(scores[i..]);
            Vector.ConditionalSelect(Vector.LessThan(some, least), outside, some).CopyTo(scores[i..]);
        }
        for (; i < scores.Length; i++)
        {
            if (scores[i] < limit) scores[i] = removed;
        }
    }

    /// <summary>Takes out all but the first of <see cref="FilterScratch.Ids"/>.</summary>
    protected void KeepFirst(Span<float> scores, int count)
    {
        Span<float> kept = scratch.Keys.AsSpan(0, count);
        for (int i = 0; i < count; i++) kept[i] = scores[scratch.Ids[i]];
        scores.Fill(removed);
        for (int i = 0; i < count; i++) scores[scratch.Ids[i]] = kept[i];
    }
}
