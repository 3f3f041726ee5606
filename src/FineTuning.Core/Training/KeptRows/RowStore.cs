using FineTuning.Batching;
using FineTuning.Diagnostics;
using FineTuning.Errors;
using FineTuning.Tasks;
using Microsoft.Extensions.Logging;

namespace FineTuning.Training;

/// <summary>Rows of one data set in a folder: those that are there, where they are of this data, else made anew.</summary>
/// <param name="keeping">Where.</param>
/// <param name="model">Encodes; its rows have a format.</param>
/// <param name="name">What the data is, for messages.</param>
internal sealed class RowStore<TExample>(RowKeeping keeping, TunableModel<TExample> model, string name)
{
    private const int ExamplesAtOnce = 1024, Digits = 16;
    private readonly RowFormat _format = model.RowFormat!;

    /// <summary>Told how many examples are read, from time to time.</summary>
    public Action<long>? Encoded { get; init; }

    /// <summary>Looked at before every record.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>After so many rows no more are read, where the number of rows is unknown.</summary>
    public long? MostRows { get; init; }

    /// <summary>Asked before every record: once it is true, no more are read.</summary>
    public Func<bool>? IsTimeUp { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>The rows of the examples, and the file that they are read from as long as it is not disposed.</summary>
    /// <exception cref="TrainingDataException">A record makes the run worthless, or cannot be recognised in a later run.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public (RowSet Rows, IDisposable File) Open(IEnumerable<TExample> examples)
    {
        long? most = examples.TryGetNonEnumeratedCount(out _) ? null : MostRows;
        byte[] key = RowKey.Of(model, typeof(TExample), name, most);
        string target = Path.Combine(keeping.Folder!, $"rows-{Convert.ToHexStringLower(key)[..Digits]}");
        string? warning = null;
        (long, byte[])? before = null;
        if (Directory.Exists(target) && TryOpen(target, key, out warning) is { } kept)
        {
            try
            {
                if (IsOf(kept.Index, examples, out before))
                {
                    TrainingLog.RowsReused(Logger, kept.Count, target);
                    return (SetOf(kept, null), kept);
                }
            }
            catch
            {
                kept.Dispose();
                throw;
            }
            kept.Dispose();
        }
        KeptRows made = Make(examples, key, target, before);
        return (SetOf(made, warning), made);
    }

    private static RowSet SetOf(KeptRows rows, string? warning) =>
        RowSet.Kept(rows, rows.Index.Lengths, rows.Index.Summary.Report(), rows.Index.Summary.Hash, warning);

    private KeptRows? TryOpen(string target, byte[] key, out string? warning)
    {
        warning = null;
        KeptRows? rows = null;
        try
        {
            rows = new KeptRows(target, null, _format);
            if (!rows.Index.Key.AsSpan().SequenceEqual(key))
                throw new CheckpointException(target, "its rows were made with another tokenizer or other options");
            rows.Verify(Cancellation);
            return rows;
        }
        catch (CheckpointException damage)
        {
            rows?.Dispose();
            warning = $"rows that were kept were of no use, and were encoded anew: {damage.Message}";
            return null;
        }
        catch
        {
            rows?.Dispose();
            throw;
        }
    }

    // Whether the examples are those of the rows; if not, what was read of them.
    private bool IsOf(RowIndex index, IEnumerable<TExample> examples, out (long, byte[])? read)
    {
        using var hash = new DataHash(name);
        using IEnumerator<TExample> source = ExampleEncoder<TExample>.Enumerated(examples, name);
        var chunk = new List<TExample>(ExamplesAtOnce);
        bool ended = false;
        while (hash.Count + chunk.Count < index.Examples && !ended)
        {
            Cancellation.ThrowIfCancellationRequested();
            read = null;
            // The run ends before its first step.
            if (IsTimeUp?.Invoke() == true) return true;
            ended = !source.MoveNext();
            if (!ended) chunk.Add(source.Current);
            if (chunk.Count == ExamplesAtOnce) Add();
        }
        Add();
        read = (hash.Count, hash.Current);
        return hash.Count == index.Examples && hash.Current.AsSpan().SequenceEqual(index.Data) && (!index.SawEnd || !source.MoveNext());

        void Add()
        {
            hash.Add([.. chunk]);
            if (chunk.Count > 0) Encoded?.Invoke(hash.Count);
            chunk.Clear();
        }
    }

    private KeptRows Make(IEnumerable<TExample> examples, byte[] key, string target, (long, byte[])? before)
    {
        using var hash = new DataHash(name) { Before = before };
        var encoder = new ExampleEncoder<TExample>(model, name)
            { Encoded = Encoded, Seen = hash.Add, Cancellation = Cancellation, MostRows = MostRows, IsTimeUp = IsTimeUp };
        IEnumerable<EncodedRow> encoded = encoder.Rows(examples);
        if (_format.ArrangeAll is not { } arrange) return Written(_format.Arrange(encoded), Target);
        using KeptRows all = Written(encoded, () => null);
        return Written(arrange(all, all.Index.Lengths), Target);

        // What was not read to its end is of use to this run alone.
        string? Target() => encoder.TimeWasUp ? null : target;

        KeptRows Written(IEnumerable<EncodedRow> rows, Func<string?> path) => Write(rows, path, (ends, sums, lengths, hashed) => new RowIndex(
            key, encoder.TimeWasUp ? hash.Current : hash.Finish(), encoder.Count, encoder.SawEnd, ends, sums, lengths,
            RowSummary.Of(hashed, encoder.Summary())));
    }

    // Rows that get no name are gone when their file is closed.
    private KeptRows Write(IEnumerable<EncodedRow> rows, Func<string?> target, Func<long[], uint[], RowLengths, string, RowIndex> indexOf)
    {
        using RowFileWriter writer = OnDisk(() => new RowFileWriter(keeping.Folder!, keeping.Disk));
        try
        {
            foreach (EncodedRow row in rows)
            {
                Cancellation.ThrowIfCancellationRequested();
                Add(writer, row);
            }
            RowIndex index = OnDisk(() => writer.Finish(indexOf));
            if (target() is not { } path) return new KeptRows(writer.Folder, index, _format) { Closed = writer.Discard };
            OnDisk(() =>
            {
                writer.Publish(path);
                return true;
            });
            TrainingLog.RowsWritten(Logger, index.Lengths.Count, path, index.Bytes);
            return new KeptRows(path, index, _format);
        }
        catch
        {
            writer.Discard();
            throw;
        }
    }

    // What the user's data throws is its own; what the disk throws says where.
    private void Add(RowFileWriter writer, EncodedRow row)
    {
        try
        {
            writer.Add(row);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(failure);
        }
    }

    private T OnDisk<T>(Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(failure);
        }
    }

    private IOException NotWritten(Exception failure) => new($"the rows of the {name} could not be written to {keeping.Folder}: {failure.Message}", failure);
}
