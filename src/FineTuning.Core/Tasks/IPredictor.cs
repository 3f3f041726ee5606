namespace FineTuning.Tasks;

/// <summary>Something that answers: a tuned model in a service, or a fake in a unit test.</summary>
/// <typeparam name="TInput">What is asked.</typeparam>
/// <typeparam name="TPrediction">What is answered.</typeparam>
/// <remarks>
/// Implementations in this library are thread-safe; while a run trains the model they throw an <see cref="InvalidOperationException"/>,
/// after disposal an <see cref="ObjectDisposedException"/>. A prediction owns nothing native.
/// </remarks>
public interface IPredictor<in TInput, TPrediction>
{
    /// <summary>The answer to one input.</summary>
    /// <param name="input">What is asked.</param>
    TPrediction Predict(TInput input);

    /// <summary>The answers to many inputs, in their order; computed in batches of similar length.</summary>
    /// <param name="inputs">What is asked.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    IReadOnlyList<TPrediction> PredictBatch(IReadOnlyList<TInput> inputs, CancellationToken cancellation = default);
}
