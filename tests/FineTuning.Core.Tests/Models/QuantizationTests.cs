using System.Text.Json;
using System.Text.Json.Nodes;
using FineTuning.Adapters;
using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static FineTuning.Tensors.Scalars;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>Matrices in 8 and 4 bits: the bytes of bitsandbytes, products with their gradients, and trunks that train adapters.</summary>
public sealed class QuantizationTests
{
    public static TheoryData<string> FourBit() => Names("four_bit");

    public static TheoryData<string> EightBit() => Names("int8");

    public static TheoryData<string> Kinds() => ["NormalFloat4", "Float4", "Int8"];

    [Fact]
    public void Tables_equal_the_reference_to_the_bit()
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        Assert.Equal(golden.Read("code.nf4").data<float>().ToArray(), QuantizationCodes.NormalFloat4);
        Assert.Equal(golden.Read("code.fp4").data<float>().ToArray(), QuantizationCodes.Float4);
        Assert.Equal(golden.Read("code.dynamic8").data<float>().ToArray(), QuantizationCodes.Dynamic);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FourBit))]
    public void Four_bits_have_the_reference_s_bytes(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        JsonElement own = Case("four_bit", name);
        ScalarType type = TypeOf(own);
        var quantization = new WeightQuantization(own.GetProperty("quant_type").GetString() == "nf4" ? QuantizationKind.NormalFloat4 : QuantizationKind.Float4)
        {
            BlockSize = own.GetProperty("blocksize").GetInt32(), IsNested = own.GetProperty("nested").GetBoolean(),
        };
        using var rows = (FourBitRows)QuantizedRows.Of(Matrix(golden, own).to(type).to(ScalarType.Float32), quantization, CPU);
        Assert.Equal(golden.Read(name + ".packed").bytes.ToArray(), rows.Packed.bytes.ToArray());
        float[] absmax = golden.Read(name + ".absmax").data<float>().ToArray();
        Assert.Equal(absmax, Enumerable.Range(0, absmax.Length).Select(block => rows.Scales.Of(block, 1).data<float>()[0]));
        Assert.Equal(absmax, rows.Scales.Of(0, absmax.Length).data<float>().ToArray());
        if (quantization.IsNested)
        {
            Assert.Equal(golden.Read(name + ".absmax_8bit").bytes.ToArray(), rows.Scales.Inner.bytes.ToArray());
            Assert.Equal(golden.Read(name + ".nested_absmax").data<float>().ToArray(), rows.Scales.Outer!.data<float>().ToArray());
            Assert.Equal((float)own.GetProperty("offset").GetDouble(), rows.Scales.Offset);
        }
        Tensor values = rows.Values(0, rows.Rows);
        byte[] codes = [.. rows.Packed.bytes.ToArray().SelectMany(pair => new[] { (byte)(pair >> 4), (byte)(pair & 15) })];
        float[] table = QuantizationCodes.Of(quantization.Kind);
        Assert.Equal(Enumerable.Range(0, (int)values.numel()).Select(i => table[codes[i]] * absmax[i / quantization.BlockSize]), values.data<float>());
        // Where a block is two rows, the reference on a processor takes the first block's scale for all.
        if (quantization.BlockSize == 2 * rows.Columns) Assert.Equal(1.0, own.GetProperty("numpy_bytes_equal").GetDouble());
        else if (golden.Tensors.TryGetValue(name + ".dequantized", out StoredTensor? stored))
        {
            Tensor expected = golden.Read(name + ".dequantized");
            Assert.True(values.to(type).to(ScalarType.Float32).eq(expected).all().item<bool>(), stored.Name);
        }
        else
        {
            float[] first = [.. own.GetProperty("dequantized_first").EnumerateArray().Select(value => value.GetSingle())];
            Assert.Equal(first, values.view(-1).narrow(0, 0, first.Length).data<float>().ToArray());
            Assert.Equal(own.GetProperty("dequantized_abs_sum").GetDouble(), values.to(ScalarType.Float64).abs().sum().item<double>(), 1e-4);
        }
        // Any rows alone are those of the whole.
        for (long start = 0; start < rows.Rows; start += 3)
        {
            long count = Math.Min(2, rows.Rows - start);
            Assert.True(rows.Values(start, count).eq(values.narrow(0, start, count)).all().item<bool>());
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(EightBit))]
    public void Eight_bits_have_the_reference_s_bytes(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        JsonElement own = Case("int8", name);
        ScalarType type = TypeOf(own);
        using var rows = (Int8Rows)QuantizedRows.Of(Matrix(golden, own).to(type).to(ScalarType.Float32), new(QuantizationKind.Int8), CPU);
        Assert.True(rows.Numbers.eq(golden.Read(name + ".int8")).all().item<bool>());
        Assert.Equal(golden.Read(name + ".scale").data<float>().ToArray(), rows.Scales.data<float>().ToArray());
        Assert.True(rows.Values(0, rows.Rows).eq(golden.Read(name + ".dequantized")).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_product_and_its_gradient_are_those_of_the_numbers(string kind)
    {
        FineTuningRuntime.Settle();
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var quantization = new WeightQuantization(Enum.Parse<QuantizationKind>(kind));
        // Larger than a tile, of two pieces, with sides that no block divides.
        QuantizedRows[] pieces = [.. new long[] { 700, 401 }.Select(rows => QuantizedRows.Of(randn([rows, 1027], generator: generator), quantization, CPU))];
        using var matrix = new QuantizedMatrix([], pieces, 1);
        Tensor numbers = matrix.Values(0, 1101);
        Tensor input = randn([2, 3, 1027], generator: generator).requires_grad_(true), own = input.detach().clone().requires_grad_(true);
        foreach ((long start, long count) in new[] { (0L, 1101L), (650L, 200L), (1100L, 1L) })
        {
            Tensor found = matrix.Multiply(input, null, start, count, ForwardContext.Evaluation());
            Tensor expected = nn.functional.linear(own, numbers.narrow(0, start, count));
            Assert.InRange(Apart(found, expected), 0, 1e-6);
            Tensor slope = randn(found.shape, generator: generator);
            (found * slope).sum().backward();
            (expected * slope).sum().backward();
            Assert.InRange(Apart(input.grad!, own.grad!), 0, 1e-6);
            using var none = no_grad();
            Assert.True(matrix.Multiply(input, null, start, count, ForwardContext.Evaluation()).eq(found).all().item<bool>());
        }
        Assert.InRange(matrix.Bytes, 0, kind == "Int8" ? 1.01 * numbers.numel() : 0.52 * numbers.numel());
    }

    [Theory(SkipTestWithoutData = true)]
    [InlineData("layers.nf4", false)]
    [InlineData("layers.nf4.nested", true)]
    public void A_layer_equals_the_reference(string name, bool nested)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden();
        using QuantizedRows rows = QuantizedRows.Of(golden.Read("matrix.normal"), new() { IsNested = nested }, CPU);
        using var matrix = new QuantizedMatrix([], [rows], 1);
        Tensor product = matrix.Multiply(golden.Read("layers.input"), null, 0, rows.Rows, ForwardContext.Evaluation());
        Assert.InRange(Apart(product.Plus(linspace(-1, 1, rows.Rows)), golden.Read(name)), 0, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_trunk_computes_with_the_numbers_and_its_adapters_train(string kind)
    {
        using var scope = NewDisposeScope();
        string folder = Goldens.Require("peft", "bases", "llama");
        var quantization = new WeightQuantization(Enum.Parse<QuantizationKind>(kind));
        using OutputHead head = OutputHead.Load(folder, HeadKind.CausalLanguage, options: new() { Quantization = quantization });
        using OutputHead plain = OutputHead.Load(folder, HeadKind.CausalLanguage);
        Assert.Equal(plain.Weights.ParameterCount(), head.Weights.ParameterCount());
        byte[][] before = Bytes(head);
        using (no_grad())
        {
            foreach (LinearModule module in plain.Trunk.Modules.Linears)
                LinearMethod.Dense(module).Weight.Value.narrow(0, module.Start, module.Length)
                    .copy_(head.Trunk.Modules.FindLinear(module.Path)!.Linear.Matrix.Values(module.Start, module.Length));
        }
        using var left = new ModelAdapters(head);
        using var right = new ModelAdapters(plain);
        foreach (ModelAdapters adapters in new[] { left, right })
        {
            adapters.Add(Adapter.Lora(4).On(l => l.AllLinear()), seed: 3);
            using var none = no_grad();
            using var generator = new Generator(5);
            foreach (Weight weight in adapters.Current!.Weights) weight.Value.add_(randn(weight.Value.shape, generator: generator), Held(0.1));
        }
        Tensor ids = tensor(new long[] { 3, 4, 5, 6, 7, 8 }, [2, 3]);
        Tensor Loss(OutputHead model) => model.Logits(new TrunkInput(ids), ForwardContext.Evaluation()).pow(Held(2)).mean();
        (Tensor found, Tensor expected) = (Loss(head), Loss(plain));
        Assert.Equal(expected.item<float>(), found.item<float>(), 1e-5);
        found.backward();
        expected.backward();
        foreach ((Weight own, Weight other) in left.Current!.Weights.Zip(right.Current!.Weights))
            Assert.InRange(Apart(own.Value.grad!, other.Value.grad!), 0, 1e-4);
        Assert.All(head.Weights.Where(weight => weight.IsTrainable), weight => Assert.NotNull(left.Current!.Weights.Find(weight.Name)));
        Assert.Equal(before, Bytes(head));
        Assert.Contains("without quantisation", Assert.Throws<InvalidOperationException>(() => left.Merge()).Message, StringComparison.Ordinal);
        Assert.NotNull(left.Active);
        left.UseNone();
        Assert.Contains("quantised", Assert.Throws<InvalidOperationException>(() => head.Save(Path.GetTempPath())).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => head.Trunk.Copy());
    }

    [Theory]
    [InlineData("NormalFloat4")]
    [InlineData("Int8")]
    public void A_published_checkpoint_is_opened_as_it_is_stored(string name)
    {
        QuantizationKind kind = Enum.Parse<QuantizationKind>(name);
        using var scope = NewDisposeScope();
        string original = Goldens.Require("peft", "bases", "llama");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("quantized");
        try
        {
            Store(original, folder.FullName, kind);
            using OutputHead stored = OutputHead.Load(folder.FullName, HeadKind.CausalLanguage, options: new() { Quantization = new(kind) });
            using OutputHead made = OutputHead.Load(original, HeadKind.CausalLanguage, options: new() { Quantization = new(kind) });
            using var gradients = no_grad();
            Assert.Equal(Bytes(made), Bytes(stored));
            Assert.Empty(stored.LoadReport.Ignored);
            Tensor ids = tensor(new long[] { 3, 4, 5, 6 }, [1, 4]);
            Tensor Logits(OutputHead head) => head.Logits(new TrunkInput(ids), ForwardContext.Evaluation());
            Assert.True(Logits(stored).eq(Logits(made)).all().item<bool>());
            string message = Assert.Throws<CheckpointException>(() => OutputHead.Load(folder.FullName, HeadKind.CausalLanguage)).Message;
            Assert.Contains($"QuantizationKind.{kind}", message, StringComparison.Ordinal);
            Assert.Throws<CheckpointException>(() => OutputHead.Load(folder.FullName, HeadKind.CausalLanguage,
                options: new() { Quantization = new(QuantizationKind.Float4) }));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("shape", "quant_state")]
    [InlineData("absmax", "absmax")]
    [InlineData("missing", "quant_map")]
    [InlineData("json", "quant_state")]
    [InlineData("nan", "nested_absmax")]
    public void A_stored_matrix_that_cannot_be_is_refused_by_name(string damage, string named)
    {
        using var scope = NewDisposeScope();
        string original = Goldens.Require("peft", "bases", "llama");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("quantized");
        try
        {
            Store(original, folder.FullName, QuantizationKind.NormalFloat4, damage);
            CheckpointException fault = Assert.Throws<CheckpointException>(() =>
                OutputHead.Load(folder.FullName, HeadKind.CausalLanguage, options: new() { Quantization = new() }));
            Assert.Contains(damage == "shape" ? "was expected" : named, fault.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Settings_out_of_range_are_refused() => Assert.Equal(2, Assert.Throws<InvalidOptionsException>(() => OutputHead.Load(
        Goldens.Require("peft", "bases", "llama"), HeadKind.CausalLanguage,
        options: new() { Quantization = new((QuantizationKind)9) { BlockSize = 48 } })).Violations.Count);

    // A folder as bitsandbytes stores it; the golden of one tensor says that these are the names and types.
    private static void Store(string original, string target, QuantizationKind kind, string? damage = null)
    {
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(original, "config.json")))!;
        config["quantization_config"] = new JsonObject
        {
            ["quant_method"] = "bitsandbytes", ["load_in_4bit"] = kind != QuantizationKind.Int8, ["load_in_8bit"] = kind == QuantizationKind.Int8,
            ["bnb_4bit_quant_type"] = "nf4", ["bnb_4bit_use_double_quant"] = true,
        };
        File.WriteAllText(Path.Combine(target, "config.json"), config.ToJsonString());
        using var file = SafetensorsFile.Open(Path.Combine(original, "model.safetensors"));
        var tensors = new List<(string, Tensor)>();
        foreach (string name in file.Tensors.Keys)
        {
            Tensor value = file.Read(name);
            if (!name.EndsWith("_proj.weight", StringComparison.Ordinal))
            {
                tensors.Add((name, value));
                continue;
            }
            QuantizedRows rows = QuantizedRows.Of(value, new(kind), CPU);
            if (rows is Int8Rows whole)
            {
                tensors.AddRange([(name, whole.Numbers), (name.Replace(".weight", ".SCB"), whole.Scales),
                    (name.Replace(".weight", ".weight_format"), zeros([], ScalarType.Byte))]);
                continue;
            }
            var four = (FourBitRows)rows;
            Tensor outer = four.Scales.Outer!;
            if (damage == "nan") outer = full_like(outer, Held(float.NaN));
            long wrong = damage == "shape" ? 1 : 0;
            string state = damage == "json" ? "{" : new JsonObject
            {
                ["quant_type"] = "nf4", ["blocksize"] = four.BlockSize, ["dtype"] = "float32", ["shape"] = new JsonArray(value.shape[0] + wrong,
                    value.shape[1]),
                ["nested_blocksize"] = 256, ["nested_dtype"] = "float32", ["nested_offset"] = four.Scales.Offset,
            }.ToJsonString();
            Tensor absmax = damage == "absmax" ? four.Scales.Inner.narrow(0, 1, four.Scales.Inner.shape[0] - 1).clone() : four.Scales.Inner;
            tensors.AddRange([(name, four.Packed.view(-1, 1)), (name + ".absmax", absmax), (name + ".nested_absmax", outer),
                (name + ".nested_quant_map", tensor(QuantizationCodes.Dynamic)),
                (name + ".quant_state.bitsandbytes__nf4", tensor(System.Text.Encoding.UTF8.GetBytes(state)))]);
            if (damage != "missing") tensors.Add((name + ".quant_map", tensor(QuantizationCodes.NormalFloat4)));
        }
        SafetensorsWriter.Write(Path.Combine(target, "model.safetensors"), [.. tensors.OrderBy(pair => pair.Item1, StringComparer.Ordinal)],
            new Dictionary<string, string> { ["format"] = "pt" });
    }

    private static byte[][] Bytes(OutputHead head) => [.. head.Weights.Quantized.SelectMany(matrix => matrix.Pieces).SelectMany(piece => piece is Int8Rows rows
        ? new[] { rows.Numbers.bytes.ToArray(), rows.Scales.bytes.ToArray() }
        : [((FourBitRows)piece).Packed.bytes.ToArray(), ((FourBitRows)piece).Scales.Inner.bytes.ToArray()])];

    private static double Apart(Tensor found, Tensor expected) => AdapterApart(found.detach(), expected.detach());

    private static double AdapterApart(Tensor found, Tensor expected) =>
        (found - expected).abs().max().item<float>() / Math.Max(1e-12, expected.abs().max().item<float>());

    private static Tensor Matrix(SafetensorsFile golden, JsonElement own)
    {
        string name = own.GetProperty("matrix").GetString()!;
        if (name != "large") return golden.Read("matrix." + name);
        var values = new float[160 * 128];
        for (int i = 0; i < 160; i++)
        {
            for (int j = 0; j < 128; j++) values[(i * 128) + j] = (float)(((((i * 7919) + (j * 104729)) % 20011) - 10005) / 4096.0 * (1 + ((i % 17) / 64.0)));
        }
        return tensor(values, [160, 128]);
    }

    private static ScalarType TypeOf(JsonElement own) => own.GetProperty("dtype").GetString() switch
    {
        "float16" => ScalarType.Float16, "bfloat16" => ScalarType.BFloat16, _ => ScalarType.Float32,
    };

    private static SafetensorsFile Golden() => SafetensorsFile.Open(Path.Combine(Goldens.Require("peft", "quantization"), "golden.safetensors"));

    private static JsonElement Case(string kind, string name) => Expected().GetProperty(kind).EnumerateArray().First(own =>
        own.GetProperty("name").GetString() == name);

    private static JsonElement Expected() =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Goldens.Require("peft", "quantization"), "golden.json"))).RootElement;

    private static TheoryData<string> Names(string kind)
    {
        var cases = new TheoryData<string>();
        if (Goldens.Folder("peft", "quantization") is null) return cases;
        foreach (JsonElement own in Expected().GetProperty(kind).EnumerateArray()) cases.Add(own.GetProperty("name").GetString()!);
        return cases;
    }
}
