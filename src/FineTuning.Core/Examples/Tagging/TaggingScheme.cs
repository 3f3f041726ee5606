namespace FineTuning.Examples;

/// <summary>How tags say where entities begin and end. In each, O is outside.</summary>
public enum TaggingScheme
{
    /// <summary>I inside; B only where an entity follows another of its type at once (Ramshaw and Marcus 1995).</summary>
    Iob1,

    /// <summary>B first, I after it (Ratnaparkhi 1998); often called BIO.</summary>
    Iob2,

    /// <summary>I inside; E only for the last word of an entity that another of its type follows at once.</summary>
    Ioe1,

    /// <summary>E last, I before it.</summary>
    Ioe2,

    /// <summary>B first, I between, E last, S for an entity of one word; often called BIOES.</summary>
    Iobes,

    /// <summary>B first, I between, L last, U for an entity of one word; often called BIOLU.</summary>
    Bilou,

    /// <summary>No scheme: each word's tag stands for itself, as parts of speech do.</summary>
    Plain,
}

/// <summary>An entity as a run of words.</summary>
/// <param name="Type">Its type, for example PER.</param>
/// <param name="First">The index of its first word, from 0.</param>
/// <param name="Last">The index of its last word.</param>
public readonly record struct EntitySpan(string Type, int First, int Last);

/// <summary>Something about a tag that its scheme does not allow.</summary>
/// <param name="Word">The index of the word, from 0.</param>
/// <param name="Message">What was found.</param>
/// <param name="IsReadable">True: entities can be read all the same, leniently; false: the tag does not belong to the scheme.</param>
public readonly record struct TagProblem(int Word, string Message, bool IsReadable);
