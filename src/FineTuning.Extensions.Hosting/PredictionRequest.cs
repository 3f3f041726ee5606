using System.Diagnostics;

namespace FineTuning.Extensions.Hosting;

/// <summary>A request that waits for its answer. It ends once: by an answer, a failure, its deadline or its caller.</summary>
internal sealed class PredictionRequest<TInput, TPrediction>(TInput input, string? adapter, long enqueued, ActivityContext caller)
{
    // The caller goes on in a thread of its own: the one that computes is not lent to it.
    private readonly TaskCompletionSource<TPrediction> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TInput Input { get; } = input;

    public string? Adapter { get; } = adapter;

    /// <summary>A time stamp.</summary>
    public long Enqueued { get; } = enqueued;

    public ActivityContext Caller { get; } = caller;

    public Task<TPrediction> Answer => _answer.Task;

    public bool IsOver => _answer.Task.IsCompleted;

    public void Succeed(TPrediction prediction) => _answer.TrySetResult(prediction);

    public void Fail(Exception failure) => _answer.TrySetException(failure);

    public void Cancel(CancellationToken cancellation) => _answer.TrySetCanceled(cancellation);
}
