using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FineTuning;
using FineTuning.Heads;

namespace MakeStarter;

/// <summary>A teacher's vectors, computed once: they are kept in files that the next run over the same texts reads.</summary>
internal static class Teacher
{
    private const int TextsAtOnce = 2048;

    public static float[][] Vectors(string folder, string[] texts, string cache)
    {
        using SentenceEncoder teacher = Pretrained.SentenceEncoder(folder);
        Directory.CreateDirectory(cache);
        var vectors = new List<float[]>(texts.Length);
        foreach (string[] part in texts.Chunk(TextsAtOnce))
        {
            string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(folder) + '\n' + string.Join('\n', part))))[..24];
            string file = Path.Combine(cache, key + ".vectors");
            if (!File.Exists(file)) Write(file, teacher.Encode(part));
            vectors.AddRange(Read(file, part.Length, teacher.Dimension));
            Progress.Show(string.Create(CultureInfo.InvariantCulture, $"  the teacher's vectors: {vectors.Count} of {texts.Length} texts"));
        }
        Progress.End();
        return Centred(vectors);
    }

    /// <summary>
    /// The vectors less their mean, scaled to length 1. What all have in common says nothing of a text, and a student that learns it first stays there: a third
    /// of the cosine is then had by always giving the mean.
    /// </summary>
    private static float[][] Centred(List<float[]> vectors)
    {
        var mean = new double[vectors[0].Length];
        foreach (float[] vector in vectors)
        {
            for (int i = 0; i < mean.Length; i++) mean[i] += vector[i] / (double)vectors.Count;
        }
        foreach (float[] vector in vectors)
        {
            for (int i = 0; i < mean.Length; i++) vector[i] -= (float)mean[i];
            float length = MathF.Sqrt(vector.Sum(value => value * value));
            for (int i = 0; i < mean.Length; i++) vector[i] /= length;
        }
        return [.. vectors];
    }

    private static void Write(string file, float[][] vectors)
    {
        using (FileStream stream = File.Create(file + ".new"))
        {
            foreach (float[] vector in vectors) stream.Write(MemoryMarshal.AsBytes<float>(vector));
        }
        File.Move(file + ".new", file, overwrite: true);
    }

    private static float[][] Read(string file, int count, int width)
    {
        if (new FileInfo(file).Length != (long)count * width * sizeof(float)) throw new IOException($"{file} has {new FileInfo(file).Length} bytes where {(long)count * width * sizeof(float)} were expected; delete it");
        using FileStream stream = File.OpenRead(file);
        var vectors = new float[count][];
        for (int i = 0; i < count; i++) stream.ReadExactly(MemoryMarshal.AsBytes((vectors[i] = new float[width]).AsSpan()));
        return vectors;
    }
}
