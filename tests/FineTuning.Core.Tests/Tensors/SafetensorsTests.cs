using System.Text.Json;
using FineTuning.Errors;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;

namespace FineTuning.Tests.Tensors;

public sealed class SafetensorsTests
{
    [Fact]
    public void Valid_files_are_read_and_hostile_ones_refused_as_the_reference_does()
    {
        string folder = Goldens.Require("formats", "safetensors");
        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "INDEX.json")));
        var failures = new List<string>();
        foreach (JsonElement entry in index.RootElement.EnumerateArray())
        {
            string file = entry.GetProperty("file").GetString()!;
            string path = Path.Combine(folder, file);
            if (!File.Exists(path)) path += ".safetensors";
            bool accepts = entry.GetProperty("reference").GetString() == "accepts";
            try
            {
                using var opened = SafetensorsFile.Open(path);
                if (!accepts)
                {
                    failures.Add($"{file}: read, but the reference refuses it: {entry.GetProperty("error")}");
                    continue;
                }
                string expected = string.Join("; ", entry.GetProperty("tensors").EnumerateObject().OrderBy(tensor => tensor.Name, StringComparer.Ordinal)
                    .Select(tensor => $"{tensor.Name} {tensor.Value[0]} {string.Join(",", tensor.Value[1].EnumerateArray())}"));
                string found = string.Join("; ", opened.Tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)
                    .Select(tensor => $"{tensor.Name} {tensor.DataType} {string.Join(",", tensor.Shape)}"));
                if (expected != found) failures.Add($"{file}: {found} instead of {expected}");
            }
            catch (CheckpointException refusal)
            {
                Assert.Contains(Path.GetFileName(path), refusal.Message);
                // Four hostile files are within the letter of the format; refusing them is allowed.
                if (accepts && !file.StartsWith("hostile/", StringComparison.Ordinal)) failures.Add($"{file}: {refusal.Message}");
            }
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {index.RootElement.GetArrayLength()}: {string.Join(Environment.NewLine, failures.Take(10))}");
    }

    [Fact]
    public void What_is_written_comes_back()
    {
        using var scope = torch.NewDisposeScope();
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "model.safetensors");
        torch.Tensor a = Range(0, 12, torch.ScalarType.Float32).reshape(3, 4), b = torch.tensor(new long[] { 7, -1 }), empty = torch.empty(0, 3);
        SafetensorsWriter.Write(path, [("a.weight", a), ("transposed", a.t()), ("b", b), ("none", empty), ("half", a.to(torch.ScalarType.BFloat16))], new Dictionary<string, string> { ["format"] = "pt" });
        using var file = SafetensorsFile.Open(path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.True(file.Read("a.weight").eq(a).all().item<bool>());
        foreach (torch.ScalarType type in new[] { torch.ScalarType.BFloat16, torch.ScalarType.Float16, torch.ScalarType.Float32, torch.ScalarType.Float64 })
        {
            foreach (string name in new[] { "a.weight", "half" })
            {
                torch.Tensor read = file.ReadAs(name, type), expected = file.Read(name).to(type);
                Assert.Equal(type, read.dtype);
                Assert.True(read.eq(expected).all().item<bool>(), $"{name} as {type}");
            }
        }
        Assert.True(file.Read("transposed").eq(a.t()).all().item<bool>());
        Assert.True(file.Read("b").eq(b).all().item<bool>());
        Assert.Equal([0, 3], file.Read("none").shape);
        Assert.Equal(torch.ScalarType.Float32, file.Read("half").dtype);
        Assert.True(file.Read("half").eq(a).all().item<bool>());
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void A_missing_tensor_or_file_is_named()
    {
        Assert.Contains("nowhere.safetensors", Assert.Throws<CheckpointException>(() => SafetensorsFile.Open("nowhere.safetensors")).Message);
    }
}
