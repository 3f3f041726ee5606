using System.Buffers;
using System.Security.Cryptography;
using FineTuning.Tasks;
using FineTuning.Text;

namespace FineTuning.Training;

/// <summary>A hash of all that decides how examples become rows: tokenizer, options, the model's and the examples' types, and the code.</summary>
internal static class RowKey
{
    private const int Version = 1;

    // What the files of a tokenizer do not say (settings given at loading) shows in what becomes of these.
    private static readonly string[] Probes =
    [
        "The quick  brown fox's 12,345.67 JUMPS over\tthe lazy dog\n", " café ÀÉ naïve ﬁ 你好世界 日本語 한국어 🙂 e\u0301",
        "<s> [MASK] </s> <|endoftext|> @user http://a.b/c?d=e_f", "",
    ];

    /// <param name="model">Encodes; it has a format.</param>
    /// <param name="example">The examples' type.</param>
    /// <param name="name">What the data is.</param>
    /// <param name="mostRows">After so many rows no more are read; null: all are.</param>
    public static byte[] Of(TunableModel model, Type example, string name, long? mostRows)
    {
        RowFormat format = model.RowFormat!;
        var buffer = new ArrayBufferWriter<byte>();
        ObjectBytes.AppendWhole(buffer, new object?[]
        {
            Version, typeof(RowKey).Module.ModuleVersionId, typeof(PretrainedTokenizer).Module.ModuleVersionId,
            model.GetType().ToString(), example.ToString(), name, mostRows, format.DependsOn,
            FilesOf(format.Tokenizer), Probes.Select(text => format.Tokenizer.Encode(text).Ids).ToArray(),
        });
        return SHA256.HashData(buffer.WrittenSpan);
    }

    // By its public surface: what it saves is what it is.
    private static string[] FilesOf(PretrainedTokenizer tokenizer)
    {
        string folder = Directory.CreateTempSubdirectory("finetuning-tokenizer-").FullName;
        try
        {
            tokenizer.Save(folder);
            return [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                .SelectMany(file => new[] { Path.GetRelativePath(folder, file), Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))) })];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
