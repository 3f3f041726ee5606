using System.Globalization;
using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>The folder of one run's checkpoints: which there are, and how one is put there whole or not at all.</summary>
/// <remarks>
/// A checkpoint is a folder <c>step-N</c>. It is prepared under another name, its files are synced, its manifest is written last and synced, it is renamed,
/// and the folder above is synced. Only what this library wrote is ever deleted. Used by one thread at a time.
/// </remarks>
internal sealed class CheckpointFolder(string root, ICheckpointDisk disk)
{
    private const string Prefix = "step-", Fresh = ".finetuning-checkpoint-", Discarded = ".finetuning-discarded-";

    /// <summary>The folder of a checkpoint.</summary>
    public string PathOf(long step) => Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D10}"));

    /// <summary>The steps of which there are checkpoints, whole or not, in order.</summary>
    public IReadOnlyList<long> Steps() => !Directory.Exists(root) ? []
        : [.. new DirectoryInfo(root).EnumerateDirectories(Prefix + "*").Select(entry => StepOf(entry.Name)).Where(step => step >= 0).Order()];

    /// <summary>Puts a checkpoint there; where one of that step is, it was not whole, and is replaced.</summary>
    /// <param name="step">Its step.</param>
    /// <param name="score">How good it is; null: it was not evaluated.</param>
    /// <param name="files">Name and writer of each file.</param>
    /// <returns>Its size in bytes.</returns>
    /// <exception cref="IOException">It could not be written; what was there is as it was.</exception>
    public long Write(long step, CheckpointScore? score, IEnumerable<(string Name, Action<Stream> Write)> files)
    {
        string fresh = Path.Combine(root, Fresh + Guid.NewGuid().ToString("N")), target = PathOf(step);
        try
        {
            disk.CreateFolder(fresh);
            CheckpointFile[] written = [.. files.Select(file => WriteFile(fresh, file.Name, file.Write))];
            // Names before the manifest, so that it never speaks of a file that is lost.
            disk.SyncFolder(fresh);
            CheckpointFile manifest = WriteFile(fresh, CheckpointManifest.Name, stream => stream.Write(CheckpointManifest.Of(step, score, written).Bytes()));
            disk.SyncFolder(fresh);
            if (Directory.Exists(target)) Discard(target);
            disk.Rename(fresh, target);
            disk.SyncFolder(root);
            return manifest.Bytes + written.Sum(file => file.Bytes);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            TryDelete(fresh);
            throw;
        }
    }

    /// <summary>Deletes older checkpoints but the newest, and the best besides; those of later steps are of an abandoned run, or damaged.</summary>
    /// <param name="newest">The step that was written last; it stays.</param>
    /// <param name="keepLast">How many of the newest stay.</param>
    /// <param name="keepBest">How many of the best stay besides.</param>
    /// <exception cref="IOException">One could not be deleted.</exception>
    public void Prune(long newest, int keepLast, int keepBest)
    {
        var manifests = new List<CheckpointManifest>();
        foreach (long step in Steps().Where(step => step <= newest))
        {
            // What has no manifest that can be read is left to the user.
            if (TryManifest(step) is { } manifest) manifests.Add(manifest);
        }
        IEnumerable<CheckpointManifest> best = manifests.Where(manifest => manifest.Score is not null)
            .OrderByDescending(manifest => manifest.Score!.HigherIsBetter ? manifest.Score.Value : -manifest.Score.Value)
            .ThenBy(manifest => manifest.Step).Take(keepBest);
        HashSet<long> kept = [.. manifests.OrderByDescending(manifest => manifest.Step).Take(keepLast).Concat(best).Select(manifest => manifest.Step)];
        foreach (CheckpointManifest manifest in manifests.Where(manifest => !kept.Contains(manifest.Step))) Discard(PathOf(manifest.Step));
        foreach (long step in Steps().Where(step => step > newest)) Discard(PathOf(step));
    }

    /// <summary>Clears away what killed processes have left. The caller holds the folder's lock.</summary>
    public void Sweep()
    {
        if (!Directory.Exists(root)) return;
        foreach (DirectoryInfo entry in new DirectoryInfo(root).GetDirectories(".finetuning-*").Where(entry => IsTemporary(entry.Name)))
            TryDelete(entry.FullName);
    }

    private static long StepOf(string name) =>
        long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long step)
            && name.Length >= Prefix.Length + 10 ? step : -1;

    private static bool IsTemporary(string name)
    {
        string? prefix = name.StartsWith(Fresh, StringComparison.Ordinal) ? Fresh : name.StartsWith(Discarded, StringComparison.Ordinal) ? Discarded : null;
        return prefix is not null && name.Length == prefix.Length + 32 && name[prefix.Length..].All(char.IsAsciiHexDigit);
    }

    private static bool IsOurs(string file) =>
        Path.GetFileName(file) is CheckpointManifest.Name or RunFile.Name || Path.GetExtension(file) == StateFiles.Extension;

    private CheckpointManifest? TryManifest(long step)
    {
        try
        {
            return CheckpointManifest.Read(PathOf(step)) is { } manifest && manifest.Step == step ? manifest : null;
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private CheckpointFile WriteFile(string folder, string name, Action<Stream> write)
    {
        using Stream stream = disk.CreateFile(Path.Combine(folder, name));
        using var hashing = new HashingStream(stream);
        write(hashing);
        disk.Sync(stream);
        return new(name, hashing.Length, hashing.Hash());
    }

    // Under another name first: a deletion that is interrupted leaves nothing that looks like a checkpoint.
    private void Discard(string folder)
    {
        string[] foreign = [.. Directory.EnumerateFileSystemEntries(folder).Where(entry => Directory.Exists(entry) || !IsOurs(entry)).Take(3)];
        if (foreign.Length > 0)
            throw new IOException($"{folder} holds what this library did not write ({string.Join(", ", foreign.Select(Path.GetFileName))}): move it away");
        string away = Path.Combine(root, Discarded + Guid.NewGuid().ToString("N"));
        disk.Rename(folder, away);
        Delete(away);
    }

    private void Delete(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder).Where(IsOurs)) disk.DeleteFile(file);
        if (!Directory.EnumerateFileSystemEntries(folder).Any()) disk.DeleteFolder(folder);
    }

    private void TryDelete(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Delete(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next run sweeps.
        }
    }
}
