// Writes src/FineTuning.Text/Unicode/tables.txt: the character classes and mappings that the reference tokenizers apply, which follow several
// versions of Unicode and so differ from any platform's. Run from the repository: dotnet run build/make-unicode-tables.cs -- FOLDER, where FOLDER is
// goldens/tokenizers/unicode. Format of a line: name, a tab, base-36 numbers that are each added to the one before (ranges: first, last, first, last ...);
// a line that starts with '=' is a mapping: pairs of code point and replacement (code points joined by '.').
using System.Text;
using System.Text.Json;

string folder = args[0];
using JsonDocument classes = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "classes.json")));
using JsonDocument normalizers = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "normalizers.json")));
using JsonDocument scripts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "scripts.json")));
var output = new StringBuilder();
foreach (JsonProperty entry in classes.RootElement.EnumerateObject())
{
    if (entry.Name == "regex") foreach (JsonProperty group in entry.Value.EnumerateObject()) Ranges(group.Name, group.Value);
    else if (entry.Value.ValueKind == JsonValueKind.Array) Ranges(entry.Name, entry.Value);
}
foreach (JsonProperty entry in normalizers.RootElement.EnumerateObject())
{
    if (entry.Value.ValueKind != JsonValueKind.Object) continue;
    foreach (JsonProperty part in entry.Value.EnumerateObject())
    {
        if (part.Value.ValueKind != JsonValueKind.Array || part.Value.GetArrayLength() == 0) continue;
        string name = $"{entry.Name}.{part.Name}";
        bool mapping = part.Value.GetArrayLength() > 1 && part.Value[1].ValueKind == JsonValueKind.String;
        if (mapping) Mapping(name, part.Value);
        else if (part.Value[0].ValueKind == JsonValueKind.Number) Ranges(name, part.Value);
    }
}
foreach (JsonProperty script in scripts.RootElement.EnumerateObject()) Ranges("reference_script." + script.Name, script.Value);
File.WriteAllText("src/FineTuning.Text/Unicode/tables.txt", output.ToString());

void Ranges(string name, JsonElement numbers)
{
    int last = 0;
    output.Append(name).Append('\t');
    foreach (JsonElement number in numbers.EnumerateArray())
    {
        output.Append(Base36(number.GetInt32() - last)).Append(' ');
        last = number.GetInt32();
    }
    output.Append('\n');
}

void Mapping(string name, JsonElement pairs)
{
    int last = 0;
    output.Append('=').Append(name).Append('\t');
    for (int i = 0; i < pairs.GetArrayLength(); i += 2)
    {
        int point = pairs[i].GetInt32();
        string text = pairs[i + 1].GetString()!;
        output.Append(Base36(point - last)).Append(':').Append(string.Join('.', text.EnumerateRunes().Select(rune => Base36(rune.Value)))).Append(' ');
        last = point;
    }
    output.Append('\n');
}

static string Base36(int value)
{
    const string digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    if (value == 0) return "0";
    var text = new StringBuilder();
    for (int rest = value; rest > 0; rest /= 36) text.Insert(0, digits[rest % 36]);
    return text.ToString();
}
