namespace FineTuning.Fuzz;

/// <summary>A right file of data for each reader, by the reader's name.</summary>
internal static class DataFiles
{
    private static readonly Lazy<string> Folder = new(() => Directory.CreateTempSubdirectory("data").FullName);

    private static readonly Dictionary<string, (string Extension, string Text)> Texts = new(StringComparer.Ordinal)
    {
        ["Csv"] = ("csv", "text,label,labels,score,source,target\na b,x,y;z,1,c,d\n"),
        ["Tsv"] = ("tsv", "text\tlabel\na b\tx\n"),
        ["JsonLines"] = ("jsonl", """{"text":"a b","label":"x"}"""),
        ["JsonFile"] = ("json", """[{"text":"a b","label":"x"}]"""),
        ["Conversations"] = ("jsonl", """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"""),
        ["RecordForms"] = ("jsonl", """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"""),
        ["PreferencePairs"] = ("jsonl", """{"prompt":"a","chosen":"b","rejected":"c"}"""),
        ["UnpairedPreferences"] = ("jsonl", "{\"prompt\":\"a\",\"completion\":\"b\",\"label\":true}\n{\"prompt\":\"a\",\"completion\":\"c\",\"label\":false}\n"),
        ["PromptCompletions"] = ("jsonl", """{"prompt":"a","completion":"b"}"""),
        ["ConllFile"] = ("conll", "Ada\tB-PER\nmet\tO\n\nhere\tO\n"),
        ["PlainText"] = ("txt", "a b\nc\n"),
        ["Squad"] = ("json", """{"data":[{"paragraphs":[{"context":"b c","qas":[{"id":"1","question":"a","answers":[{"text":"b","answer_start":0}]}]}]}]}"""),
    };

    /// <summary>The file; of a type that reads nothing the one of JSON lines.</summary>
    public static string Path(string reader)
    {
        (string extension, string text) = Texts.GetValueOrDefault(reader, Texts["JsonLines"]);
        string path = System.IO.Path.Combine(Folder.Value, $"{reader}.{extension}");
        if (!File.Exists(path)) File.WriteAllText(path, text);
        return path;
    }
}
