namespace FineTuning.Heads;

/// <summary>Of which tokens a language model learns to predict what they are.</summary>
public enum LearnedTokens
{
    /// <summary>The assistant's answers with the token that ends each; of prompt and completion the completion.</summary>
    Answers,

    /// <summary>The last answer alone; of prompt and completion the completion.</summary>
    Completion,

    /// <summary>Everything, prompts too.</summary>
    Everything,
}

/// <summary>What happens to an example of which nothing can be learned, because its targets lie behind the maximal length.</summary>
public enum LostTargets
{
    /// <summary>It is an error that names the example.</summary>
    Refuse,

    /// <summary>It is left out and counted in the report.</summary>
    Skip,
}
