using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FineTuning;
using FineTuning.Heads;

namespace MakeStarter;

/// <summary>A teacher's vectors, computed once: they are kept in a file that the next run with the same texts reads.</summary>
internal static class Teacher
{
    private const int TextsAtOnce = 2048;

    public static float[][] Vectors(string folder, string[] texts, string cache)
    {
        using SentenceEncoder teacher = Pretrained.SentenceEncoder(folder);
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(folder) + '\n' + string.Join('\n', texts))))[..24];
        string file = Path.Combine(cache, key + ".vectors");
        if (File.Exists(file)) return Read(file, texts.Length, teacher.Dimension);
        Directory.CreateDirectory(cache);
        string fresh = file + ".new";
        var vectors = new List<float[]>(texts.Length);
        using (FileStream stream = File.Create(fresh))
        {
            foreach (string[] part in texts.Chunk(TextsAtOnce))
            {
                foreach (float[] vector in teacher.Encode(part))
                {
                    vectors.Add(vector);
                    stream.Write(MemoryMarshal.AsBytes<float>(vector));
                }
                Progress.Show(string.Create(CultureInfo.InvariantCulture, $"teacher: {vectors.Count} of {texts.Length} texts"));
            }
        }
        File.Move(fresh, file, overwrite: true);
        Progress.End();
        return [.. vectors];
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
