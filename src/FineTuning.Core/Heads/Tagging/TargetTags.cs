using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Tasks;

namespace FineTuning.Heads;

/// <summary>From an example's tags or spans to the true tag of each unit, in the model's scheme; what was repaired is counted.</summary>
internal sealed class TargetTags(TagSet tags, BrokenTags broken)
{
    /// <exception cref="TrainingDataException">Tags do not fit the words, are foreign, broken where that is refused, or not the model's.</exception>
    public int[] Of(TaggedWords example, EncodedSentence sentence, EncodingReport report)
    {
        string quoted = Excerpt.Of(sentence.Text);
        if (ExampleParts.Require(example.Tags, "tags").Any(tag => tag is null))
            throw new TrainingDataException($"a tag of \"{quoted}\" is null; O stands for none");
        if (example.Tags.Count != example.Words.Count)
            throw new TrainingDataException($"there are {example.Tags.Count} tags for the {example.Words.Count} words \"{quoted}\"");
        IReadOnlyList<TagProblem> problems = TagSequence.Problems(example.Tags, example.Scheme);
        foreach (TagProblem problem in problems)
        {
            if (!problem.IsReadable || broken == BrokenTags.Refuse) throw new TrainingDataException($"word {problem.Word} of \"{quoted}\": {problem.Message}");
        }
        report.Note($"tags not well formed in {TagSequence.Name(example.Scheme)}, read as conlleval does", problems.Count);
        if (tags.Scheme == TaggingScheme.Plain || example.Scheme == TaggingScheme.Plain)
        {
            return [.. sentence.Units.Select(unit => IndexOf(example.Tags[unit.Word], quoted))];
        }
        return TagsOf(TagSequence.Repaired(example.Tags, example.Scheme), sentence, report, quoted);
    }

    /// <exception cref="TrainingDataException">Spans overlap, lie outside the text, or have types that are not the model's.</exception>
    public int[] Of(AnnotatedText example, EncodedSentence sentence, EncodingReport report)
    {
        string quoted = Excerpt.Of(sentence.Text);
        if (tags.Scheme == TaggingScheme.Plain)
            throw new TrainingDataException($"the text \"{quoted}\" has spans, but the model's tags stand for single words (TaggingScheme.Plain); "
                + "give words with tags, or load the model with entity types and another Scheme");
        var entities = new List<EntitySpan>();
        TextSpan? previous = null;
        foreach (TextSpan span in ExampleParts.Require(example.Spans, "list of spans").OrderBy(span => span.Start))
        {
            if (span.Start < 0 || span.End <= span.Start || span.End > sentence.Text.Length)
                throw new TrainingDataException(
                    $"the {span.Type} from {span.Start} to {span.End} is no part of the {sentence.Text.Length} characters \"{quoted}\"");
            if (previous is { } other && other.End > span.Start)
                throw new TrainingDataException(
                    $"the {other.Type} from {other.Start} to {other.End} and the {span.Type} from {span.Start} to {span.End} overlap in \"{quoted}\"; "
                    + "a word has one tag");
            previous = span;
            int first = EncodedSentence.FirstWhere(sentence.Words, word => word.End > span.Start),
                last = EncodedSentence.FirstWhere(sentence.Words, word => word.Start >= span.End) - 1;
            if (last < first) report.Note("entities without a token, left out");
            else if (entities.Count > 0 && entities[^1].Last >= first) report.Note("entities that share a word with the one before, left out");
            else
            {
                bool whole = sentence.Words[first].Start == span.Start && sentence.Words[last].End == span.End;
                if (!whole) report.Note("entities that begin or end inside a word, widened to whole words");
                entities.Add(new(span.Type, first, last));
            }
        }
        return TagsOf(entities, sentence, report, quoted);
    }

    private int[] TagsOf(IReadOnlyList<EntitySpan> words, EncodedSentence sentence, EncodingReport report, string quoted)
    {
        var units = new List<EntitySpan>();
        foreach (EntitySpan entity in words)
        {
            if (sentence.UnitsOf(entity.First, entity.Last) is { } found) units.Add(new(entity.Type, found.First, found.Last));
            else report.Note("entities without a token, left out");
        }
        return [.. TagSequence.Tags(units, sentence.Units.Length, tags.Scheme).Select(tag => IndexOf(tag, quoted))];
    }

    private int IndexOf(string tag, string quoted)
    {
        int index = tags.IndexOf(tag);
        if (index >= 0) return index;
        throw new TrainingDataException($"the tag '{tag}' in \"{quoted}\" is not one of the model's {tags.Count}: {OutputNames.List(tags.Names)}");
    }
}
