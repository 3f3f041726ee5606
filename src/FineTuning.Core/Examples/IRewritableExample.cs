namespace FineTuning.Examples;

/// <summary>An example with texts that may be said otherwise without changing what is learned from it.</summary>
internal interface IRewritableExample
{
    /// <summary>The same example with other texts.</summary>
    /// <param name="rewrite">Is given each such text.</param>
    object Rewritten(Func<string, string> rewrite);
}
