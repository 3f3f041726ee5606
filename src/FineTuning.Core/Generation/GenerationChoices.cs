namespace FineTuning.Generation;

/// <summary>When a beam search of a prompt is over, once it has as many texts as beams.</summary>
public enum EarlyStopping
{
    /// <summary>When the best running text, ended now, would be no better than the worst that is kept (<c>false</c> in the file).</summary>
    WhenUnlikely,

    /// <summary>At once (<c>true</c> in the file).</summary>
    AtOnce,

    /// <summary>When no running text can become better than the worst that is kept (<c>"never"</c> in the file).</summary>
    Never,
}

/// <summary>What is added to the score of the last of some tokens where the others stand before it.</summary>
/// <param name="Tokens">One token or more.</param>
/// <param name="Bias">Any finite number; positive: more probable.</param>
public sealed record SequenceBias(IReadOnlyList<int> Tokens, double Bias);

/// <summary>
/// From the new token <paramref name="Start"/> on, the score s of an end token grows by abs(s) (factor^n - 1), n being how many tokens came since.
/// </summary>
/// <param name="Start">0 or more.</param>
/// <param name="Factor">Above 0; above 1: texts become shorter.</param>
public sealed record LengthDecay(int Start, double Factor);

/// <summary>Says which tokens may come next.</summary>
/// <param name="row">The prompt's number in its batch, from 0.</param>
/// <param name="tokens">The text so far: what the decoder was given, padding included, and the new tokens. Only valid during the call.</param>
/// <returns>At least one id.</returns>
public delegate IReadOnlyList<int> AllowedTokens(int row, ReadOnlySpan<int> tokens);
