using System.IO.Compression;
using FineTuning.Errors;
using FineTuning.Examples;

namespace MakeStarter;

/// <summary>The texts of data sets, without anything else that stands in them.</summary>
internal static class UnlabelledTexts
{
    /// <summary>The longest field of each row of a .csv or .tsv, the words of each sentence of a .conll, texts and questions of a SQuAD .json; .gz or not.</summary>
    public static IEnumerable<string> Read(string path)
    {
        if (path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)) return Unpacked(path);
        return Path.GetExtension(path) switch
        {
            ".csv" => Csv.Read(path, new DelimitedOptions { HasHeader = false }).Skip(1).Select(Longest),
            ".tsv" => Tsv.Read(path, new DelimitedOptions { Separator = '\t', HasHeader = false, Quotes = false }).Select(Longest),
            ".conll" => ConllFile.Read(path, new ConllOptions { Scheme = TaggingScheme.Plain }).Select(sentence => string.Join(' ', sentence.Words)),
            ".json" => Squad.Read(path, new JsonReadingOptions { OnProblem = _ => { } }).SelectMany(question => Books.Split(question.Context).Append(question.Question)),
            string other => throw new InvalidOptionsException([$"{path} ends in '{other}': .csv, .tsv, .conll or .json was expected"]),
        };
    }

    private static string Longest(DelimitedRow row) => row.Values.MaxBy(field => field.Length) ?? "";

    private static List<string> Unpacked(string path)
    {
        string plain = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}{Path.GetExtension(Path.GetFileNameWithoutExtension(path))}");
        try
        {
            using (var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress))
            {
                using FileStream file = File.Create(plain);
                packed.CopyTo(file);
            }
            return [.. Read(plain)];
        }
        finally
        {
            File.Delete(plain);
        }
    }
}
