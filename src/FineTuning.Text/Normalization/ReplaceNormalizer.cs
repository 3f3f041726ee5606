namespace FineTuning.Text;

/// <summary>Replaces what a pattern finds by a text, taken literally. It has the origin of the last character that was found.</summary>
internal sealed class ReplaceNormalizer(SplitPattern pattern, string content) : Normalizer
{
    public override void Apply(AlignedText text)
    {
        if (pattern.Character is { } one && content.Length == 1 && !char.IsSurrogate(one) && !char.IsSurrogate(content[0]))
        {
            text.InPlace.Replace(one, content[0]);
            return;
        }
        AlignedWriter? writer = null;
        int done = 0;
        foreach ((int start, int end) in pattern.Find(text.Characters))
        {
            writer ??= text.Writer(text.Length + content.Length);
            writer.Copy(text, done, start - done);
            (int from, int to) = end > 0 ? (text.StartOf(end - 1), text.EndOf(end - 1)) : (text.Origin, text.Origin);
            writer.Add(content, from, to);
            done = end;
        }
        if (writer is null) return;
        writer.Copy(text, done, text.Length - done);
        text.Become(writer);
    }
}
