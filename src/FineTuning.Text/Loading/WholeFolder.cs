using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// Reads a folder of several files as one thing. Another process may save into it meanwhile, and labels of one model with the weights of another would
/// answer wrongly and silently: so the folder's identity (numbers, sizes and times of its files) before and after must be the same, else it is read again.
/// </summary>
/// <remarks>Thread-safe. All that loads a checkpoint or a tokenizer here reads in this way; use it where you read files of your own beside them.</remarks>
public static class WholeFolder
{
    private const int MostTries = 100;
    private const int LongestWait = 50;

    [ThreadStatic]
    private static int _depth;

    /// <summary>Gives what is read of a folder that did not change meanwhile. A reading inside another, on the same thread, belongs to that.</summary>
    /// <typeparam name="T">What is read.</typeparam>
    /// <param name="folder">The folder, with those directly in it; what begins with a dot does not count.</param>
    /// <param name="read">Reads, at most 100 times; what it gives is disposed, where it can be, if it was not of one folder.</param>
    /// <exception cref="CheckpointException">The folder never stayed as it was, or a save into it was interrupted.</exception>
    public static T Read<T>(string folder, Func<T> read)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ArgumentNullException.ThrowIfNull(read);
        if (_depth > 0) return read();
        for (int attempt = 1; ; attempt++)
        {
            string before = FolderIdentity.Of(folder);
            bool last = attempt == MostTries;
            _depth++;
            try
            {
                if (SaveMarks.IsCommittedIn(folder))
                {
                    if (last)
                    {
                        throw new CheckpointException(folder, "a save into it was interrupted, and some of its files are new, some old; save into it again");
                    }
                    throw new ChangedException();
                }
                T result = read();
                if (FolderIdentity.Of(folder) == before) return result;
                (result as IDisposable)?.Dispose();
                if (last)
                {
                    throw new CheckpointException(folder, $"it changed each of the {MostTries} times that it was read: "
                        + "something saves into it all the time; read it when that is done");
                }
            }
            catch (Exception) when (!last && Changed(folder, before))
            {
                // What was missing or did not fit may be of two folders.
            }
            finally
            {
                _depth--;
            }
            Thread.Sleep(Math.Min(attempt, LongestWait));
        }
    }

    private static bool Changed(string folder, string before) =>
        FolderIdentity.Of(folder) != before || SaveMarks.IsCommittedIn(folder) || IsBetweenNames(folder);

    // Where names cannot be exchanged in one step, the folder is absent for an instant.
    private static bool IsBetweenNames(string folder) =>
        !Directory.Exists(folder) && Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) is { } parent
            && SaveMarks.AnyIn(parent);

    private sealed class ChangedException : Exception;
}
