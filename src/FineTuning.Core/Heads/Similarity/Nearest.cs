using FineTuning.Errors;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Heads;

/// <summary>Vectors kept on the managed side: 4 bytes a number, and nothing native between two batches.</summary>
internal sealed class Embeddings
{
    private readonly List<float[]> _blocks = [];

    /// <summary>How many vectors there are.</summary>
    public int Count { get; private set; }

    /// <summary>Numbers a vector; 0 while there is none.</summary>
    public int Dimension { get; private set; }

    /// <param name="rows">[rows, dimension]</param>
    public void Add(Tensor rows)
    {
        (Count, Dimension) = (Count + (int)rows.shape[0], (int)rows.shape[1]);
        _blocks.Add(rows.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray());
    }

    public void Add(float[] vector)
    {
        (Count, Dimension) = (Count + 1, vector.Length);
        _blocks.Add(vector);
    }

    /// <returns>[count, dimension], float32</returns>
    public Tensor Matrix()
    {
        var values = new float[(long)Count * Dimension];
        long start = 0;
        foreach (float[] block in _blocks)
        {
            block.CopyTo(values, start);
            start += block.Length;
        }
        return tensor(values, [Count, Dimension]);
    }

    public static double[] Numbers(Tensor values) => [.. values.to(ScalarType.Float64).cpu().data<double>()];
}

/// <summary>The vectors with the largest dot products, searched in blocks, so that memory does not grow with queries times candidates.</summary>
internal static class Nearest
{
    private const int ScoresInABlock = 1 << 22;

    /// <summary>For each query in order the best candidates, the best first, ties in the order of the candidates.</summary>
    public static List<(int Query, (int Index, double Score)[] Found)> Of(Embeddings queries, Embeddings candidates, int count)
    {
        var found = new List<(int, (int, double)[])>(queries.Count);
        if (queries.Count == 0 || candidates.Count == 0) return found;
        using var scope = NewDisposeScope();
        using var gradients = no_grad();
        Tensor left = queries.Matrix(), right = candidates.Matrix().t();
        int block = Math.Max(1, ScoresInABlock / candidates.Count), kept = Math.Min(count, candidates.Count);
        for (int start = 0; start < queries.Count; start += block)
        {
            using var inner = NewDisposeScope();
            int rows = Math.Min(block, queries.Count - start);
            (Tensor values, Tensor indexes) = left.narrow(0, start, rows).mm(right).topk(kept, 1);
            float[] scores = values.data<float>().ToArray();
            long[] indices = indexes.data<long>().ToArray();
            for (int row = 0; row < rows; row++)
            {
                (int, double)[] best = [.. Enumerable.Range(row * kept, kept).Select(i => ((int)indices[i], (double)scores[i]))
                    .OrderByDescending(pair => pair.Item2).ThenBy(pair => pair.Item1)];
                found.Add((start + row, best));
            }
        }
        return found;
    }
}

/// <summary>A text's index among those that were searched, and how similar it is.</summary>
/// <param name="Index">From 0, in the order in which they were added.</param>
/// <param name="Score">The cosine, from -1 to 1.</param>
public readonly record struct SimilarText(int Index, double Score);

/// <summary>Vectors to search by cosine: exact, in memory, 4 bytes a number.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class EmbeddingIndex
{
    private readonly Embeddings _vectors = new();

    /// <summary>Makes an index.</summary>
    /// <param name="vectors">All of one length; copied and scaled to length 1.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public EmbeddingIndex(IReadOnlyList<float[]> vectors)
    {
        NullMembers.RequireEntries(vectors, nameof(vectors));
        foreach (float[] vector in vectors) _vectors.Add(Scaled(vector));
    }

    /// <summary>How many vectors there are.</summary>
    public int Count => _vectors.Count;

    /// <summary>The most similar vectors, the most similar first, ties by index.</summary>
    /// <param name="query">As long as the index's vectors.</param>
    /// <param name="count">1 or more; fewer come back where there are fewer.</param>
    public IReadOnlyList<SimilarText> Search(float[] query, int count = 10)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Search([query], count)[0];
    }

    /// <summary>The most similar vectors of many queries, in their order.</summary>
    /// <param name="queries">As long as the index's vectors.</param>
    /// <param name="count">1 or more; fewer come back where there are fewer.</param>
    public IReadOnlyList<IReadOnlyList<SimilarText>> Search(IReadOnlyList<float[]> queries, int count = 10)
    {
        NullMembers.RequireEntries(queries, nameof(queries));
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (Count == 0) return [.. queries.Select(_ => (IReadOnlyList<SimilarText>)[])];
        var asked = new Embeddings();
        foreach (float[] query in queries) asked.Add(Scaled(query));
        return [.. Nearest.Of(asked, _vectors, count)
            .Select(entry => (IReadOnlyList<SimilarText>)[.. entry.Found.Select(found => new SimilarText(found.Index, found.Score))])];
    }

    private float[] Scaled(float[] vector)
    {
        if (Count > 0 && vector.Length != _vectors.Dimension)
            throw new ArgumentException($"a vector has {vector.Length} numbers; {_vectors.Dimension} were expected", nameof(vector));
        double length = Math.Sqrt(Vectors.Dot(vector, vector));
        return length == 0 ? [.. vector] : [.. vector.Select(value => (float)(value / length))];
    }
}
