using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using FineTuning.Errors;
using FineTuning.Examples;
using Xunit;

namespace FineTuning.Tests.Examples;

/// <summary>Files that people reported: each is read right, or refused with file, line and remedy.</summary>
public sealed class ReaderFaultTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("readers").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Quotes_are_data_in_tab_separated_text_whatever_else_the_options_say()
    {
        string path = Write("a.tsv", "\"one\tx\ntwo\ty\nthree\"\tz\n");
        foreach (DelimitedOptions options in new[] { new DelimitedOptions { HasHeader = false }, new DelimitedOptions { HasHeader = false, Separator = ';' }, new DelimitedOptions { HasHeader = false, LongestValue = 100 } })
        {
            Assert.Equal(["\"one", "two", "three\""], Tsv.Read(path, options).Select(row => row[0]));
        }
        Assert.Equal(2, Tsv.Read(path).Count());
        Assert.Equal(3, Csv.Read(path, new DelimitedOptions { Separator = '\t', HasHeader = false }).Count());
        Assert.Single(Tsv.Read(path, new DelimitedOptions { HasHeader = false, Quotes = true }));
    }

    [Theory]
    [InlineData("text,label\na,x\n\uFEFFtext,label\nb,y\n", 3)]
    [InlineData("\uFEFF\uFEFFtext,label\na,x\n", 1)]
    public void A_byte_order_mark_inside_is_said(string text, int line)
    {
        string path = Write("a.csv", text);
        Refused(() => Csv.Read(path).Count(), path, $"line {line}:", "U+FEFF", "remove");
        var problems = new List<DataProblem>();
        DelimitedRow[] rows = [.. Csv.Read(path, new DelimitedOptions { OnProblem = problems.Add })];
        Assert.Equal(["text", "label"], rows[0].Columns);
        Assert.Equal(line, Assert.Single(problems).Line);
    }

    [Fact]
    public void A_byte_order_mark_inside_is_said_of_json_lines_and_words_too()
    {
        string lines = Write("a.jsonl", "{\"text\":\"a\"}\n\uFEFF{\"text\":\"b\"}\n"), words = Write("a.conll", "a\tO\n\uFEFF\nb\tO\n");
        Refused(() => JsonLines.Read(lines).Count(), lines, "line 2:", "U+FEFF");
        Refused(() => ConllFile.Read(words).Count(), words, "line 2:", "U+FEFF");
        Assert.Equal(2, JsonLines.Read(lines, new JsonReadingOptions { OnProblem = _ => { } }).Count());
        string label = Write("b.csv", "text,label\na,\uFEFFpos\n");
        Refused(() => Csv.Read(label).LabeledTexts<string>().Count(), label, "line 2:", "U+FEFF");
    }

    [Fact]
    public void Rows_without_anything_are_no_examples_of_a_class_without_a_name()
    {
        string path = Write("a.csv", "text,label\na,x\n,\nb,y\n");
        Refused(() => Csv.Read(path).Count(), path, "line 3:", "empty", "remove");
        var problems = new List<DataProblem>();
        Assert.Equal(["a", "b"], Csv.Read(path, new DelimitedOptions { OnProblem = problems.Add }).Select(row => row["text"]));
        Assert.Equal(3, Assert.Single(problems).Line);
        string noLabel = Write("b.csv", "text,label\na,\n");
        Refused(() => Csv.Read(noLabel).LabeledTexts<string>().Count(), noLabel, "line 2:", "'label' is empty");
    }

    [Theory]
    [InlineData("sep=;\r\ntext;label\r\na,b;x\r\n")]
    [InlineData("SEP=;\ntext;label\na,b;x\n")]
    [InlineData("\"sep=;\"\ntext;label\na,b;x\n")]
    [InlineData("\uFEFFsep=;\ntext;label\na,b;x\n")]
    public void The_first_line_of_spreadsheets_names_the_separator(string text)
    {
        DelimitedRow row = Csv.Read(Write("a.csv", text)).Single();
        Assert.Equal(("a,b", "x", 3), (row["text"], row["label"], row.Line));
        Refused(() => Tsv.Read(Path.Combine(_folder, "a.csv")).Count(), Path.Combine(_folder, "a.csv"), "line 1:", "';'", "Csv.Read");
    }

    [Fact]
    public void A_separator_line_of_commas_and_tabs_is_known_and_a_column_of_that_name_is_none()
    {
        Assert.Equal("x", Csv.Read(Write("a.csv", "sep=,\ntext,label\na,x\n")).Single()["label"]);
        Assert.Equal("x\"", Csv.Read(Write("b.csv", "sep=\t\ntext\tlabel\n\"a\tx\"\n")).Single()["label"]);
        Assert.Equal(["sep=a", "label"], Csv.Read(Write("c.csv", "sep=a,label\nb,x\n")).Columns());
    }

    [Fact]
    public void Lists_of_labels_are_read()
    {
        string lines = Write("a.jsonl", "{\"text\":\"a\",\"labels\":[\"x\",\"y;z\"]}\n{\"text\":\"b\",\"labels\":[]}\n{\"text\":\"c\",\"labels\":[1,2]}\n{\"text\":\"d\",\"labels\":\"x; y\"}\n");
        Assert.Equal(["x|y;z", "", "1|2", "x|y"], JsonLines.Read(lines).MultiLabeledTexts<string>().Select(example => string.Join('|', example.Labels)));
        Refused(() => JsonLines.Read(lines).LabeledTexts<string>(label: "labels").Count(), lines, "line 1:", "MultiLabeledTexts");
        string values = Write("a.csv", "text,labels\na,\"[\"\"x\"\", \"\"y\"\"]\"\nb,[]\n");
        Assert.Equal(["x|y", ""], Csv.Read(values).MultiLabeledTexts<string>().Select(example => string.Join('|', example.Labels)));
        string python = Write("b.csv", "text,labels\na,\"['x', 'y']\"\n");
        Refused(() => Csv.Read(python).MultiLabeledTexts<string>().Count(), python, "line 2:", "no JSON list");
        string nested = Write("b.jsonl", "{\"text\":\"a\",\"labels\":[[1]]}\n");
        Refused(() => JsonLines.Read(nested).MultiLabeledTexts<string>().Count(), nested, "line 1:", "holds a list");
    }

    [Fact]
    public void Pipes_are_read_as_files_are()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "this system has no named pipes in its file system");
        Assert.Equal("é", Through("\uFEFFtext,label\né,x\n", path => Csv.Read(path).Single()["text"]));
        Assert.Equal("é", Through("{\"text\":\"é\"}\n", path => JsonLines.Read(path).Single()["text"]));
        Assert.Equal("é", Through("[{\"text\":\"é\"}]", path => JsonFile.Read(path).Single()["text"]));
        Assert.Equal("é", Through("é\tO\n", path => ConllFile.Read(path).Single().Words[0]));
        Assert.Equal("é", Through("{\"data\":[{\"paragraphs\":[{\"context\":\"é\",\"qas\":[{\"question\":\"q\",\"answers\":[{\"text\":\"é\",\"answer_start\":0}]}]}]}]}", path => Squad.Read(path).Single().Context));
        Assert.Contains("not valid UTF-8", Through([0x61, 0x2C, 0x62, 0x0A, 0xFF, 0x2C, 0x63, 0x0A], path => Assert.Throws<TrainingDataException>(() => Csv.Read(path).Count()).Message), StringComparison.Ordinal);
    }

    [Fact]
    public void Gzip_is_unpacked_and_damage_is_said()
    {
        const string text = "text,label\nZoë,x\n";
        string path = Path.Combine(_folder, "a.csv.gz");
        byte[] packed = Packed(Encoding.UTF8.GetBytes(text));
        File.WriteAllBytes(path, packed);
        Assert.Equal("Zoë", Csv.Read(path).Single()["text"]);
        File.WriteAllBytes(path, [.. packed, .. Packed("b,y\n"u8.ToArray())]);
        Assert.Equal(2, Csv.Read(path).Count());
        File.WriteAllBytes(path, [.. packed[..12], 0xFF, 0xFF, 0xFF, .. packed[15..]]);
        Refused(() => Csv.Read(path).Count(), path, "gzip", "damaged");
        File.WriteAllBytes(path, Packed([0x61, 0x0A, 0xFF]));
        Refused(() => Csv.Read(path).Count(), path, "line 2:", "0xFF");
        File.WriteAllBytes(path, Packed(Encoding.UTF8.GetBytes("{\"text\":\"Zoë\"}")));
        Assert.Equal("Zoë", JsonLines.Read(path).Single()["text"]);
    }

    [Fact]
    public void A_gzip_file_that_is_cut_off_is_no_whole_file()
    {
        string path = Path.Combine(_folder, "a.csv.gz");
        byte[] packed = Packed(Encoding.UTF8.GetBytes("text,label\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"word {i * 7919 % 10007},x\n"))));
        File.WriteAllBytes(path, packed[..(packed.Length / 2)]);
        Refused(() => Csv.Read(path).Count(), path, "gzip", "cut off");
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    [InlineData("utf-32BE")]
    public void Wide_characters_are_read_with_their_mark_and_named_without(string name)
    {
        const string text = "text,label\nZoë,x\n";
        Encoding encoding = Encoding.GetEncoding(name);
        string path = Path.Combine(_folder, "a.csv");
        File.WriteAllText(path, text, encoding);
        Assert.Equal("Zoë", Csv.Read(path).Single()["text"]);
        File.WriteAllBytes(path, encoding.GetBytes(text));
        Refused(() => Csv.Read(path).Count(), path, "encoding");
        if (name.StartsWith("utf-16", StringComparison.Ordinal)) Refused(() => Csv.Read(path).Count(), path, "UTF-16");
        Assert.Equal("Zoë", Csv.Read(path, new DelimitedOptions { Encoding = encoding }).Single()["text"]);
    }

    [Fact]
    public void Other_kinds_of_files_are_named()
    {
        Refused(() => Csv.Read(_folder).Count(), _folder, "folder");
        foreach ((byte[] start, string what) in new (byte[], string)[]
        {
            ([0x50, 0x4B, 3, 4, 0, 0], "zip"), ([0x28, 0xB5, 0x2F, 0xFD, 0], "zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 1], "xz"), ("BZh91AY&SY"u8.ToArray(), "bzip2"), ([.. "PAR1"u8, 0x15, 0, 0x15], "Parquet"),
        })
        {
            string path = Path.Combine(_folder, "a.bin");
            File.WriteAllBytes(path, start);
            Refused(() => Csv.Read(path).Count(), path, what);
            Refused(() => JsonLines.Read(path).Count(), path, what);
        }
        Assert.Equal("PAR1", Csv.Read(Write("b.csv", "PAR1,label\na,x\n")).Columns()[0]);
        Assert.Equal("BZhang", Csv.Read(Write("c.csv", "BZhang,label\na,x\n")).Columns()[0]);
    }

    [Theory]
    [InlineData("{\"text\":\"a\",\"text\":\"b\"}", "occurs twice")]
    [InlineData("{\"text\":\"a\",\"te\\u0078t\":\"b\"}", "occurs twice")]
    [InlineData("{\"text\":\"a\",\"more\":{\"x\":1,\"x\":2}}", "'x' occurs twice")]
    [InlineData("{\"text\":\"a\",\"more\":[{\"x\":1,\"x\":2}]}", "'x' occurs twice")]
    [InlineData("{\"text\":\"a\\ud83d\"}", "surrogate")]
    [InlineData("{\"text\":\"a\",\"more\":[\"\\udc00\"]}", "surrogate")]
    [InlineData("{\"\\ud83d\":\"a\"}", "surrogate")]
    [InlineData("{\"text\":\"a\",\"more\":{\"\\ud83d\":1}}", "surrogate")]
    public void Keys_that_occur_twice_and_halves_of_pairs_are_named_with_their_line(string record, string what)
    {
        string lines = Write("a.jsonl", $"{{\"text\":\"first\"}}\n{record}\n"), list = Write("a.json", $"[\n{{\"text\":\n\"first\"}},\n{record}]"), field = Write("b.json", $"{{\"more\":[],\n\"data\":[\n{record}]}}");
        Refused(() => JsonLines.Read(lines).Count(), lines, "line 2:", what);
        Refused(() => JsonFile.Read(list).Count(), list, "line 4:", what);
        Refused(() => JsonFile.Read(field, new JsonReadingOptions { Field = "data" }).Count(), field, "line 3:", what);
        // A reader that goes on never fails in another way.
        var problems = new List<DataProblem>();
        foreach (JsonRow row in JsonLines.Read(lines, new JsonReadingOptions { OnProblem = problems.Add })) _ = (row.Columns, row.Has("text"), row.Has("more"));
        Assert.Equal(2, Assert.Single(problems).Line);
    }

    [Fact]
    public void Keys_above_the_records_are_looked_at_too()
    {
        string twice = Write("a.json", "{\"data\":[{\"a\":1}],\"data\":[{\"a\":2}]}"), half = Write("b.json", "{\"\\ud83d\":1,\"data\":[{\"a\":1}]}"), columns = Write("c.json", "{\"text\":[\"a\"],\"\\ud83d\":[\"b\"]}");
        var options = new JsonReadingOptions { Field = "data" };
        Refused(() => JsonFile.Read(twice, options).Count(), twice, "'data' occurs twice");
        Refused(() => JsonFile.Read(half, options).Count(), half, "surrogate");
        Refused(() => JsonFile.Read(columns).Count(), columns, "surrogate");
        string squad = Write("d.json", "{\"data\":[{\"paragraphs\":[],\"paragraphs\":[]}]}"), broken = Write("e.json", "{\"data\":[{\"\\ud83d\":1}]}"), named = Write("f.json", "{\"\\ud83d\":1,\"data\":[]}");
        Refused(() => Squad.Read(squad).Count(), squad, "'paragraphs' occurs twice");
        Refused(() => Squad.Read(broken).Count(), broken, "surrogate");
        Refused(() => Squad.Read(named).Count(), named, "text");
    }

    [Fact]
    public void A_record_of_a_list_is_named_by_its_line()
    {
        JsonRow[] rows = [.. JsonFile.Read(Write("a.json", "[\n\n{\"a\":1},{\"a\":\n2},\r\n{\"a\":3}\n]"))];
        Assert.Equal([3, 3, 5], rows.Select(row => row.Line));
    }

    [Fact]
    public void Messages_say_the_way_out()
    {
        string noHeader = Write("a.csv", "good,pos\nbad,neg\n"), header = Write("b.csv", "text,score\na,1\n");
        Refused(() => Csv.Read(noHeader).LabeledTexts<string>().Count(), noHeader, "HasHeader = false");
        Refused(() => Csv.Read(header, new DelimitedOptions { HasHeader = false }).LabeledTexts<string>().Count(), header, "HasHeader = true");
        Refused(() => Csv.Read(header, new DelimitedOptions { HasHeader = false }).ScoredTexts("0", "1").Count(), header, "HasHeader = true");
        string quote = Write("c.csv", "text,label\n\"a,x\n"), ragged = Write("d.csv", "text,label\na, b,x\n");
        Refused(() => Csv.Read(quote).Count(), quote, "Quotes = false");
        Refused(() => Csv.Read(ragged).Count(), ragged, "Quotes");
        string plain = Write("a.conll", "the\tDET\ndog\tNOUN\n"), other = Write("b.conll", "Ann\tS-PER\n"), spaced = Write("c.conll", "the DET\n");
        Refused(() => ConllFile.Read(plain).Count(), plain, "TaggingScheme.Plain");
        Refused(() => ConllFile.Read(other).Count(), other, "TaggingScheme.Iobes");
        Refused(() => ConllFile.Read(spaced).Count(), spaced, "ConllSeparator.Spaces");
    }

    [Fact]
    public void What_has_no_end_is_bounded_and_messages_are_short()
    {
        string many = Write("a.csv", new string(',', 1 << 17)), names = Write("b.csv", string.Join(',', Enumerable.Range(0, 5000).Select(i => new string('n', 500) + i)) + "\n" + new string(',', 4999) + "x\n");
        Refused(() => Csv.Read(many).Count(), many, "another separator");
        string message = Refused(() => Csv.Read(names).LabeledTexts<string>().Count(), names, "no column 'text'");
        Assert.True(message.Length < 2500 + names.Length, $"{message.Length}");
        string wide = Write("c.csv", string.Join(',', Enumerable.Repeat("0123456789", 41)) + "\n");
        Refused(() => Csv.Read(wide, new DelimitedOptions { LongestValue = 100, HasHeader = false }).Count(), wide, "LongestValue");
        string key = Write("a.jsonl", $"{{\"{new string('k', 100_000)}\":1,\"{new string('k', 100_000)}\":1}}\n");
        Assert.True(Refused(() => JsonLines.Read(key).Count(), key, "occurs twice").Length < 2500);
        string large = Write("a.json", $"[{new string(' ', 5000)}]");
        Refused(() => JsonFile.Read(large, new JsonReadingOptions { LongestText = 1000 }).Count(), large, "LongestText");
        Assert.Equal(2, Assert.Throws<InvalidOptionsException>(() => JsonFile.Read(large, new JsonReadingOptions { DeepestNesting = 1_000_000, LongestText = 0 })).Violations.Count);
        if (!File.Exists("/dev/zero")) return;
        Refused(() => Csv.Read("/dev/zero").Count(), "/dev/zero", "NUL");
        Refused(() => JsonFile.Read("/dev/zero").Count(), "/dev/zero", "NUL");
        Refused(() => JsonLines.Read("/dev/zero").Count(), "/dev/zero", "NUL");
        Refused(() => Squad.Read("/dev/zero").Count(), "/dev/zero", "NUL");
    }

    private static byte[] Packed(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(bytes);
        return stream.ToArray();
    }

    private string Through(string text, Func<string, string> read) => Through(Encoding.UTF8.GetBytes(text), read);

    private string Through(byte[] bytes, Func<string, string> read)
    {
        string path = Path.Combine(_folder, "pipe");
        File.Delete(path);
        using (Process made = Process.Start("mkfifo", path)!) made.WaitForExit();
        Task writer = Task.Run(() =>
        {
            using FileStream pipe = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            // In two pieces, so that a reader meets a short read.
            pipe.Write(bytes.AsSpan(0, 1));
            pipe.Flush();
            pipe.Write(bytes.AsSpan(1));
        });
        string result = read(path);
        Assert.True(writer.Wait(TimeSpan.FromSeconds(20)));
        return result;
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text, new UTF8Encoding(false));
        return path;
    }

    private static string Refused(Func<int> read, string path, params string[] parts)
    {
        string message = Assert.Throws<TrainingDataException>(() => _ = read()).Message;
        foreach (string part in parts.Append(path)) Assert.Contains(part, message, StringComparison.Ordinal);
        return message;
    }
}
