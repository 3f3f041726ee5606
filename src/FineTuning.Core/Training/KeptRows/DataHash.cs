using System.Buffers;
using System.Security.Cryptography;
using FineTuning.Errors;

namespace FineTuning.Training;

/// <summary>A hash of examples in their order: all that they hold, field by field.</summary>
/// <param name="name">What messages call the data.</param>
internal sealed class DataHash(string name) : IDisposable
{
    private readonly IncrementalHash _whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>How many examples were added.</summary>
    public long Count { get; private set; }

    /// <summary>What the data was up to some record when it was read before: another is an error. Null: it was not read before.</summary>
    public (long Count, byte[] Hash)? Before { get; init; }

    /// <summary>The hash of all that were added so far.</summary>
    public byte[] Current => _whole.GetCurrentHash();

    /// <summary>Adds the next examples.</summary>
    /// <exception cref="TrainingDataException">One holds what cannot be hashed, or the data is not what it was when it was read before.</exception>
    public void Add<TExample>(TExample[] examples)
    {
        var hashes = new byte[examples.Length][];
        var problems = new string?[examples.Length];
        Parallel.For(0, examples.Length, () => new ArrayBufferWriter<byte>(), (i, _, buffer) =>
        {
            buffer.ResetWrittenCount();
            try
            {
                ObjectBytes.AppendWhole(buffer, examples[i]);
                hashes[i] = SHA256.HashData(buffer.WrittenSpan);
            }
            catch (NotSupportedException problem)
            {
                problems[i] = problem.Message;
            }
            return buffer;
        }, _ => { });
        for (int i = 0; i < examples.Length; i++)
        {
            if (problems[i] is { } problem)
                throw new TrainingDataException($"record {Count} of the {name} cannot be recognised in a later run: {problem}; leave KeepRowsOnDisk out");
            _whole.AppendData(hashes[i]);
            Count++;
            if (Before is { } before && Count == before.Count && !Current.AsSpan().SequenceEqual(before.Hash)) throw Changing();
        }
    }

    /// <summary>All were added.</summary>
    /// <exception cref="TrainingDataException">There were more when the data was read before.</exception>
    public byte[] Finish() => Before is { } before && Count < before.Count ? throw Changing() : Current;

    public void Dispose() => _whole.Dispose();

    private TrainingDataException Changing() => new($"the {name} gives other records when it is read again, and rows that were kept before are of other data: "
        + "give data that can be read twice, or another folder to KeepRowsOnDisk");
}
