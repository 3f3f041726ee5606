using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads;

/// <summary>Laws of embeddings: padding, order, pooling by hand, what is saved is what was there.</summary>
public sealed class SentenceEncoderTests
{
    private static double Largest(float[] one, float[] other) => one.Zip(other, (a, b) => Math.Abs(a - b)).Max();

    [Fact]
    public void Neither_padding_nor_order_nor_threads_change_a_vector()
    {
        using SentenceEncoder encoder = TinySentences.Encoder(new SentenceEncoderOptions { Pooling = [SentencePooling.Mean, SentencePooling.Max, SentencePooling.LastToken] });
        string[] texts = [.. TinySentences.Texts(40), ""];
        float[][] together = encoder.Encode(texts);
        Assert.All(together, vector => Assert.Equal(encoder.Dimension, vector.Length));
        var alone = new float[texts.Length][];
        Parallel.For(0, texts.Length, i => alone[i] = encoder.Encode(texts[i]));
        float[][] reversed = encoder.Encode([.. texts.Reverse()]);
        for (int i = 0; i < texts.Length; i++)
        {
            Assert.True(Largest(together[i], alone[i]) < 1e-5);
            Assert.True(Largest(together[i], reversed[^(i + 1)]) < 1e-5);
        }
    }

    [Fact]
    public void Pooling_is_what_its_formula_says()
    {
        using var scope = NewDisposeScope();
        Tensor hidden = randn(2, 4, 3, generator: new Generator(1));
        bool[] real = [true, true, true, true, true, true, false, false];
        Tensor mask = tensor(real, [2, 4]);
        float At(int row, int token, int place) => hidden[row, token, place].item<float>();
        for (int row = 0; row < 2; row++)
        {
            int count = row == 0 ? 4 : 2;
            for (int place = 0; place < 3; place++)
            {
                double[] values = [.. Enumerable.Range(0, count).Select(token => (double)At(row, token, place))];
                void Same(SentencePooling mode, double expected) => Assert.Equal(expected, new PoolingModule([mode]).Forward(hidden, mask)[row, place].item<float>(), 1e-5);
                Same(SentencePooling.FirstToken, values[0]);
                Same(SentencePooling.LastToken, values[^1]);
                Same(SentencePooling.Max, values.Max());
                Same(SentencePooling.Mean, values.Average());
                Same(SentencePooling.MeanSquareRootLength, values.Sum() / Math.Sqrt(count));
                Same(SentencePooling.WeightedMean, values.Select((value, token) => value * (token + 1)).Sum() / (count * (count + 1) / 2.0));
            }
        }
        Assert.Equal([2, 6], new PoolingModule([SentencePooling.Mean, SentencePooling.FirstToken]).Forward(hidden, null).shape);
    }

    [Fact]
    public void What_is_saved_gives_the_same_vectors()
    {
        string folder = TinySentences.Folder(), saved = folder + "-saved";
        try
        {
            WriteModules(folder);
            using SentenceEncoder encoder = Pretrained.SentenceEncoder(folder);
            Assert.Equal([SentencePooling.FirstToken, SentencePooling.Mean], encoder.Pooling);
            Assert.Equal(5, encoder.Dimension);
            Assert.Equal(12, encoder.MaximumLength);
            Assert.True(encoder.IsNormalized);
            encoder.Save(saved);
            foreach (string file in new[] { "modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors", "sentence_bert_config.json", "config_sentence_transformers.json" })
            {
                Assert.True(File.Exists(Path.Combine(saved, file)), file);
            }
            using SentenceEncoder again = Pretrained.SentenceEncoder(saved);
            Assert.Equal("query: ", again.Prompts["query"]);
            string[] texts = TinySentences.Texts(9);
            foreach ((float[] one, float[] other) in encoder.Encode(texts).Zip(again.Encode(texts)))
            {
                Assert.Equal(one, other);
                Assert.Equal(1, Vectors.Dot(one, one), 1e-5);
            }
            Assert.NotEqual(again.Encode(texts)[0], again.Encode(texts, prompt: "the cat ")[0]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
            if (Directory.Exists(saved)) Directory.Delete(saved, recursive: true);
        }
    }

    [Theory]
    [InlineData("modules.json", "[{\"idx\":0,\"path\":\"\",\"type\":\"x.Transformer\"},{\"idx\":1,\"path\":\"../1_Pooling\",\"type\":\"x.Pooling\"}]", "plain folder name")]
    [InlineData("modules.json", "[{\"idx\":0,\"path\":\"\",\"type\":\"x.Transformer\"},{\"idx\":1,\"path\":\"1_Pooling\",\"type\":\"x.WordWeights\"}]", "Pooling")]
    [InlineData("modules.json", "{\"a\":1}", "list")]
    [InlineData("modules.json", "[[", "JSON")]
    [InlineData("1_Pooling/config.json", "{\"word_embedding_dimension\":17,\"pooling_mode_mean_tokens\":true}", "17")]
    [InlineData("1_Pooling/config.json", "{\"word_embedding_dimension\":16}", "no pooling")]
    [InlineData("1_Pooling/config.json", "{\"pooling_mode\":\"median\"}", "median")]
    [InlineData("2_Dense/config.json", "{\"in_features\":32,\"out_features\":6,\"activation_function\":\"torch.nn.Tanh\"}", "linear.weight")]
    [InlineData("2_Dense/config.json", "{\"in_features\":32,\"out_features\":5,\"activation_function\":\"os.system\"}", "os.system")]
    [InlineData("sentence_bert_config.json", "{\"max_seq_length\":-3}", "max_seq_length")]
    public void Damaged_folders_are_refused_in_plain_words(string file, string content, string word)
    {
        string folder = TinySentences.Folder();
        try
        {
            WriteModules(folder);
            File.WriteAllText(Path.Combine(folder, file), content);
            CheckpointException failure = Assert.Throws<CheckpointException>(() => Pretrained.SentenceEncoder(folder).Dispose());
            Assert.Contains(word, failure.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void WriteModules(string folder)
    {
        void Write(string path, string content)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllText(Path.Combine(folder, path), content);
        }
        Write("modules.json", """
            [{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
             {"idx":2,"name":"2","path":"2_Dense","type":"sentence_transformers.models.Dense"},{"idx":3,"name":"3","path":"3_Normalize","type":"sentence_transformers.models.Normalize"}]
            """);
        Write("1_Pooling/config.json", """{"word_embedding_dimension":16,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}""");
        Write("2_Dense/config.json", """{"in_features":32,"out_features":5,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh"}""");
        Write("sentence_bert_config.json", """{"max_seq_length":12,"do_lower_case":false}""");
        Write("config_sentence_transformers.json", """{"prompts":{"query":"query: "},"default_prompt_name":null}""");
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Combine(folder, "2_Dense", "model.safetensors"), [("linear.bias", ones(5)), ("linear.weight", randn(5, 32, generator: new Generator(2)))]);
    }
}
