namespace FineTuning.Text;

/// <summary>A stretch of tokens that have a sequence, a type and a mask in common.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Sequence">0 or 1 for a text's tokens, -1 for others.</param>
/// <param name="Type">Their type id.</param>
/// <param name="Padding">Whether they are padding.</param>
internal readonly record struct TokenStretch(int Count, int Sequence, int Type, bool Padding = false);

/// <summary>
/// What a row is made up of: a template with so many tokens of each text, and padding.
/// A few numbers for each row, where an array of stretches would be another object.
/// </summary>
/// <param name="Parts">The template's.</param>
/// <param name="Special">Whether the template's tokens are there.</param>
/// <param name="First">Tokens of the first text.</param>
/// <param name="Second">Tokens of the second.</param>
/// <param name="FirstUntyped">Whether the first text has the type 0 whatever the template says.</param>
/// <param name="SecondUntyped">Whether the second has the type 1 whatever the template says.</param>
internal readonly record struct TokenLayout(IReadOnlyList<TemplatePart> Parts, bool Special, int First, int Second, bool FirstUntyped, bool SecondUntyped)
{
    /// <summary>Padding in front.</summary>
    public int Before { get; init; }

    /// <summary>Padding behind.</summary>
    public int After { get; init; }

    public int Count
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Stretches; i++) count += this[i].Count;
            return count;
        }
    }

    /// <summary>How many stretches there are, empty ones included.</summary>
    public int Stretches => Parts.Count + 2;

    /// <summary>A stretch; the row is all of them in their order.</summary>
    public TokenStretch this[int index] =>
        index == 0 ? new(Before, -1, 0, Padding: true) : index <= Parts.Count ? Of(Parts[index - 1]) : new(After, -1, 0, Padding: true);

    private TokenStretch Of(TemplatePart part) => part.Sequence switch
    {
        0 => new(First, 0, FirstUntyped ? 0 : part.Type),
        1 => new(Second, 1, SecondUntyped ? 1 : part.Type),
        _ => new(Special ? part.Ids.Count : 0, -1, part.Type),
    };
}
