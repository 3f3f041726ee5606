using System.Runtime.ExceptionServices;

namespace FineTuning.Training;

/// <summary>
/// One thread for one run: torch's scopes and gradient mode belong to a thread, and each pool thread that computes would keep its own OpenMP team.
/// </summary>
internal static class DedicatedThread
{
    /// <summary>Runs the work on a new thread and waits for it; what it throws is thrown here.</summary>
    public static T Run<T>(string name, Func<T> work)
    {
        Task<T> task = Start(name, work);
        try
        {
            task.Wait();
        }
        catch (AggregateException failure) when (failure.InnerException is { } cause)
        {
            ExceptionDispatchInfo.Throw(cause);
        }
        return task.Result;
    }

    /// <summary>Runs the work on a new thread.</summary>
    public static Task<T> Start<T>(string name, Func<T> work)
    {
        // The task runs on this thread and nowhere else; it keeps what the work throws, after the work's own clean-up.
        var task = new Task<T>(work);
        var thread = new Thread(() => task.RunSynchronously(TaskScheduler.Default)) { IsBackground = true, Name = name };
        thread.Start();
        return task;
    }
}
