using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>
/// Reads a folder of several files as one thing. Another process may save into it meanwhile, and labels of one model with the weights of another would
/// answer wrongly and silently: so the folder's identity before and after must be the same, else it is read again.
/// </summary>
internal static class WholeFolder
{
    private const int MostTries = 100;
    private const int LongestWait = 50;

    [ThreadStatic]
    private static int _depth;

    /// <summary>Gives what is read of a folder that did not change meanwhile. A reading inside another belongs to that.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="read">Reads; what it gives is disposed where it was not of one folder.</param>
    /// <exception cref="CheckpointException">The folder never stayed as it was, or a save into it was interrupted.</exception>
    public static T Read<T>(string folder, Func<T> read)
    {
        if (_depth > 0) return read();
        for (int attempt = 1; ; attempt++)
        {
            string before = FolderIdentity.Of(folder);
            bool last = attempt == MostTries;
            _depth++;
            try
            {
                if (SavingFolder.IsCommittedIn(folder))
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
        FolderIdentity.Of(folder) != before || SavingFolder.IsCommittedIn(folder) || IsBetweenNames(folder);

    // Where names cannot be exchanged in one step, the folder is absent for an instant.
    private static bool IsBetweenNames(string folder) =>
        !Directory.Exists(folder) && Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) is { } parent
            && SavingFolder.AnyIn(parent);

    private sealed class ChangedException : Exception;
}
