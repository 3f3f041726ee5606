using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Tensors;

public sealed class RuntimeTests
{
    [Fact]
    public void Torch_computes()
    {
        using var scope = torch.NewDisposeScope();
        Assert.Equal(6, torch.tensor(new float[] { 1, 2, 3 }).sum().item<float>());
    }

    [Fact]
    public void A_thread_computes_its_first_product_with_the_threads_of_the_process()
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor left = torch.randn(6, 1027), right = torch.randn(1101, 1027);
        var gate = new WeightSet(new WeightGate());
        bool[] same = new bool[3];
        for (int i = 0; i < same.Length; i++)
        {
            int own = i;
            var thread = new Thread(() =>
            {
                using var inner = torch.NewDisposeScope();
                using WeightPass pass = gate.Enter();
                torch.Tensor first = torch.nn.functional.linear(left, right);
                // Whoever asks has the number from here on.
                _ = torch.get_num_threads();
                same[own] = first.eq(torch.nn.functional.linear(left, right)).all().item<bool>();
            });
            thread.Start();
            thread.Join();
        }
        Assert.All(same, Assert.True);
    }

    [Fact]
    public void The_diagnosis_names_versions_devices_and_what_was_done()
    {
        RuntimeDiagnosis diagnosis = FineTuningRuntime.Diagnose();
        Assert.Null(diagnosis.Problem);
        Assert.Contains("cpu", diagnosis.Devices);
        Assert.StartsWith("2.10", diagnosis.LibTorch);
        Assert.Contains(diagnosis.Loading, diagnosis.ToString());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(5000)]
    public void A_file_that_is_no_library_is_refused(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        Assert.Throws<InvalidDataException>(() => ElfVersions.Read(bytes));
        if (length < 64) return;
        "\u007fELF\u0002\u0001"u8.CopyTo(bytes);
        Assert.ThrowsAny<Exception>(() => ElfVersions.Read(bytes));
    }

    [Fact]
    public void Damaged_libraries_end_in_one_kind_of_error()
    {
        string? library = Directory.EnumerateFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault();
        if (library is null) Assert.Skip("libLibTorchSharp.so is not beside the tests (not Linux)");
        byte[] whole = File.ReadAllBytes(library);
        Assert.NotEmpty(ElfVersions.Read(whole));
        var random = new Random(7);
        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = (byte[])whole.Clone();
            int places = random.Next(1, 6);
            for (int j = 0; j < places; j++) damaged[random.Next(2) == 0 ? random.Next(64) : random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                ElfVersions.Read(damaged.AsSpan(0, random.Next(4) == 0 ? random.Next(damaged.Length) : damaged.Length));
            }
            catch (Exception failure) when (failure is InvalidDataException or OverflowException or IndexOutOfRangeException or ArgumentException)
            {
                Assert.IsType<InvalidDataException>(failure);
            }
        }
    }

    [Fact]
    public void A_native_failure_is_one_of_ours() => Assert.IsAssignableFrom<FineTuningException>(new NativeRuntimeException("x"));
}
