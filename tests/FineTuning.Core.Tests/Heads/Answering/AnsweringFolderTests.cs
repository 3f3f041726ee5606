using System.Text.Json.Nodes;
using FineTuning.Models;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Heads.Answering;

/// <summary>What is saved opens in the reference library: the class it looks for, and exactly the tensors that class has.</summary>
public sealed class AnsweringFolderTests
{
    public static TheoryData<string> Families()
    {
        var families = new TheoryData<string>();
        if (Goldens.Folder("models") is not { } root) return families;
        foreach (string folder in Directory.GetDirectories(root).Order(StringComparer.Ordinal))
        {
            if (Directory.Exists(Path.Combine(folder, "qa")) && ModelFamilies.Supports(Path.Combine(folder, "qa"))) families.Add(Path.GetFileName(folder));
        }
        return families;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Families))]
    public void Class_and_tensors_are_the_references(string family)
    {
        string original = Goldens.Require("models", family, "qa");
        DirectoryInfo saved = Directory.CreateTempSubdirectory("answering");
        try
        {
            using (OutputHead model = OutputHead.Load(original, HeadKind.QuestionAnswering))
            {
                model.Save(saved.FullName);
            }
            Assert.Equal(Architecture(original), Architecture(saved.FullName));
            Assert.Equal(Tensors(original), Tensors(saved.FullName));
        }
        finally
        {
            saved.Delete(recursive: true);
        }
    }

    private static string Architecture(string folder) => (string)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!["architectures"]![0]!;

    private static string[] Tensors(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        return [.. file.Tensors.Keys.Order(StringComparer.Ordinal)];
    }
}
