using System.Collections.Concurrent;
using FineTuning.Tasks;

namespace FineTuning.Testing;

/// <summary>A predictor that answers by a function and notes what it was asked: stands for a model in tests of the code around it.</summary>
/// <typeparam name="TInput">What is asked.</typeparam>
/// <typeparam name="TPrediction">What is answered.</typeparam>
/// <remarks>Thread-safe where the function is.</remarks>
public sealed class FakePredictor<TInput, TPrediction> : IPredictor<TInput, TPrediction>
{
    private readonly Func<TInput, TPrediction> _answer;
    private readonly ConcurrentQueue<IReadOnlyList<TInput>> _calls = new();

    /// <summary>Creates a predictor.</summary>
    /// <param name="answer">The answer to an input; what it throws, the caller gets.</param>
    public FakePredictor(Func<TInput, TPrediction> answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        _answer = answer;
    }

    /// <summary>The inputs of each call, in order; those of <see cref="Predict"/> are calls of one.</summary>
    public IReadOnlyList<IReadOnlyList<TInput>> Calls => [.. _calls];

    /// <summary>All inputs, in order.</summary>
    public IReadOnlyList<TInput> Inputs => [.. _calls.SelectMany(inputs => inputs)];

    /// <summary>Told of each call before it is answered: the place to wait, to cancel or to throw. Null: nobody is.</summary>
    public Action<IReadOnlyList<TInput>>? Asked { get; init; }

    /// <inheritdoc/>
    public TPrediction Predict(TInput input) => PredictBatch([input])[0];

    /// <inheritdoc/>
    public IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<TInput> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        cancellation.ThrowIfCancellationRequested();
        _calls.Enqueue([.. inputs]);
        Asked?.Invoke(inputs);
        cancellation.ThrowIfCancellationRequested();
        return [.. inputs.Select(_answer)];
    }
}

/// <summary>Ready-made fakes.</summary>
public static class FakePredictor
{
    /// <summary>Answers every input alike.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered.</typeparam>
    /// <param name="answer">The answer.</param>
    public static FakePredictor<TInput, TPrediction> Always<TInput, TPrediction>(TPrediction answer) => new(_ => answer);

    /// <summary>Answers by a table.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered.</typeparam>
    /// <param name="answers">The answers by input; another input is an <see cref="ArgumentException"/>.</param>
    public static FakePredictor<TInput, TPrediction> FromTable<TInput, TPrediction>(IReadOnlyDictionary<TInput, TPrediction> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        return new(input => answers.TryGetValue(input, out TPrediction? answer) ? answer
            : throw new ArgumentException($"the table has no answer to '{input}'", nameof(answers)));
    }

    /// <summary>Fails.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered.</typeparam>
    /// <param name="failure">Thrown at each question.</param>
    public static FakePredictor<TInput, TPrediction> Failing<TInput, TPrediction>(Exception failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        return new(_ => throw failure);
    }
}
