using System.Text.Json.Nodes;

namespace FineTuning.Tests.Heads.Naming;

/// <summary>A copy of a checkpoint folder whose config.json says something else; deleted at the end.</summary>
internal sealed class EditedFolder : IDisposable
{
    public EditedFolder(string source, Action<JsonObject>? edit = null)
    {
        Directory.CreateDirectory(Path);
        foreach (string file in Directory.GetFiles(source)) File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
        if (edit is not null) Edit(edit);
    }

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"edited-{Guid.NewGuid():N}");

    public string Saved => System.IO.Path.Combine(Path, "saved");

    public void Edit(Action<JsonObject> edit)
    {
        string path = System.IO.Path.Combine(Path, "config.json");
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        edit(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    /// <summary>Names the outputs, and says nothing the other way round.</summary>
    public static Action<JsonObject> Named(params string[] names) => config =>
    {
        config["id2label"] = new JsonObject(names.Select((name, id) => KeyValuePair.Create($"{id}", (JsonNode?)name)));
        config.Remove("label2id");
    };

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
