using System.Text;
using FineTuning.Examples;

namespace FineTuning.Fuzz;

/// <summary>Files of data, read twice: once up to the first problem, once to the end with all problems reported.</summary>
internal sealed class DataTarget(string name) : FileTarget(name)
{
    private string FileName => Name switch { "squad" => "squad.json", _ => $"data.{Name}" };

    private protected override IEnumerable<List<(string Name, byte[] Contents)>> Seeds() => Texts().Select(text => new List<(string, byte[])> { (FileName, Encoding.UTF8.GetBytes(text)) });

    private protected override void Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        foreach (Action<string> read in new Action<string>[] { ToTheEnd, ToTheFirst })
        {
            try
            {
                read(path);
            }
            catch (Errors.FineTuningException)
            {
                // Said in the library's own words; the other way of reading is still to come.
            }
        }
    }

    private void ToTheFirst(string path)
    {
        switch (Name)
        {
            case "csv": Count(Csv.Read(path).LabeledTexts<string>()); break;
            case "tsv": Count(Tsv.Read(path).LabeledTexts<string>()); break;
            case "jsonl": Count(JsonLines.Read(path).LabeledTexts<string>()); break;
            case "json": Count(JsonFile.Read(path).LabeledTexts<string>()); break;
            case "conll": Count(ConllFile.Read(path)); break;
            default: Count(Squad.Read(path)); break;
        }
    }

    private void ToTheEnd(string path)
    {
        switch (Name)
        {
            case "csv": Count(Csv.Read(path, new DelimitedOptions { OnProblem = Ignore })); break;
            case "tsv": Count(Tsv.Read(path, new DelimitedOptions { OnProblem = Ignore })); break;
            case "jsonl": Count(JsonLines.Read(path, new JsonReadingOptions { OnProblem = Ignore })); break;
            case "json": Count(JsonFile.Read(path, new JsonReadingOptions { OnProblem = Ignore })); break;
            case "conll": Count(ConllFile.Read(path, new ConllOptions { OnProblem = Ignore })); break;
            default: Count(Squad.Read(path, new JsonReadingOptions { OnProblem = Ignore })); break;
        }
    }

    private static void Ignore(DataProblem problem)
    {
        // Reading goes on.
    }

    private static void Count<T>(IEnumerable<T> rows)
    {
        foreach (T _ in rows)
        {
            // Each row is made.
        }
    }

    private string[] Texts() => Name switch
    {
        "csv" => ["text,label\nhello there,greeting\n\"a, b \"\"c\"\"\nd\",other\n", "text,label,weight\r\nx,y,1\r\n", "text,label\n"],
        "tsv" => ["text\tlabel\nhello \"there\"\tgreeting\nx\ty\n", "text\tlabel\n"],
        "jsonl" => ["{\"text\":\"hello\",\"label\":\"greeting\"}\n{\"text\":\"x\\u00e9\",\"label\":\"y\",\"weight\":1.5}\n", "{\"text\":\"a\",\"label\":\"b\"}\n\n"],
        "json" => ["[{\"text\":\"hello\",\"label\":\"greeting\"},{\"text\":\"x\",\"label\":\"y\"}]", "{\"data\":[{\"text\":\"a\",\"label\":\"b\"}]}"],
        "conll" => ["-DOCSTART- -X- O O\n\nAda NNP B-NP B-PER\nmet VBD B-VP O\nAlan NNP B-NP B-PER\n\nhere RB O O\n", "a O\nb B-X\n\nc I-X\n"],
        _ =>
        [
            """{"version":"1.1","data":[{"title":"t","paragraphs":[{"context":"Ada met Alan","qas":[{"id":"1","question":"Who met Alan?","answers":[{"text":"Ada","answer_start":0}]}]}]}]}""",
            """{"data":[{"paragraphs":[{"context":"nobody","qas":[{"id":"2","question":"who?","is_impossible":true,"answers":[],"plausible_answers":[{"text":"nobody","answer_start":0}]}]}]}]}""",
        ],
    };
}
