using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Text;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>Single texts of many million characters: how long each takes, and how long half of it takes.</summary>
internal static class LongTextCommand
{
    public static void Run(Arguments arguments)
    {
        string only = arguments.Text("only", ""), onlyText = arguments.Text("text", "");
        int length = arguments.Number("millions", 100) * 1_000_000;
        string novel = new StreamReader(new GZipStream(File.OpenRead(Shared.Data("gutenberg", "1342.txt.gz")), CompressionMode.Decompress)).ReadToEnd();
        (string Name, Func<int, string> Make)[] texts =
        [
            ("a novel again and again", size => Repeat(novel, size)), ("one letter", size => new string('a', size)), ("spaces", size => new string(' ', size / 10)), ("accents", size => new string('\u0301', size / 10)),
        ];
        Console.WriteLine("pipeline           text                        characters     tokens   seconds   of half   peak MB");
        foreach ((string name, string folder) in RealPipelines.Write(Directory.CreateTempSubdirectory("pipelines").FullName))
        {
            if (only.Length > 0 && only != name) continue;
            PretrainedTokenizer tokenizer = PretrainedTokenizer.Load(folder);
            foreach ((string kind, Func<int, string> make) in texts)
            {
                if (onlyText.Length > 0 && onlyText != kind) continue;
                string text = make(length);
                (double half, _) = Time(tokenizer, text[..(text.Length / 2)]);
                (double whole, int tokens) = Time(tokenizer, text);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-18} {kind,-25} {text.Length,12} {tokens,10} {whole,9:0.0} {half,9:0.0} {Process.GetCurrentProcess().PeakWorkingSet64 >> 20,9}"));
            }
        }
    }

    private static (double Seconds, int Tokens) Time(PretrainedTokenizer tokenizer, string text)
    {
        GC.Collect();
        long start = Stopwatch.GetTimestamp();
        int tokens = tokenizer.Encode(text).Ids.Length;
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, tokens);
    }

    private static string Repeat(string part, int length) => string.Concat(Enumerable.Repeat(part, (length / part.Length) + 1))[..length];
}
