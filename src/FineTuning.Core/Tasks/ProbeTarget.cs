namespace FineTuning.Tasks;

/// <summary>A class that a linear probe learns, and whose hidden state it reads.</summary>
/// <param name="Position">The index of the token in the row; -1: what the head reads of the whole text.</param>
/// <param name="Class">From 0.</param>
internal readonly record struct ProbeTarget(int Position, int Class);
