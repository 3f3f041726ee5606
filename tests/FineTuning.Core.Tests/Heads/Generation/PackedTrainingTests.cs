using System.IO.Compression;
using System.Text.Json;
using FineTuning.Batching;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Heads.Generation;

/// <summary>A small LLaMA from its configuration learns gsm8k packed and unpacked, with the same rows a step and no dropout: the losses are those of the other.</summary>
public sealed class PackedTrainingTests : IDisposable
{
    private const double Nearness = 1e-5;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"packed-{Guid.NewGuid():N}");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Best_fit_rows_learn_what_their_texts_learn()
    {
        PromptCompletion[] data = Make(48);
        double[] packed = Losses(data, isPacked: true), apart = Losses(data, isPacked: false);
        Assert.True(packed.Length >= 3);
        Assert.True(packed[^1] < packed[0]);
        for (int i = 0; i < packed.Length; i++) Assert.Equal(apart[i], packed[i], Nearness);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Batches_without_padding_learn_what_padded_ones_learn_also_accumulated(int accumulation)
    {
        PromptCompletion[] data = Make(24);
        double[] Run(PackingStrategy packing, int rows, int windows)
        {
            using CausalLanguageModel model = Open(packing);
            TrainingResult result = FineTuner.For(model).BatchSize(rows, windows).Steps(4).With(o => o with { Shuffle = false, GroupByLength = false })
                .WithOptimizer(Optimizer.AdamW(1e-3)).WithScheduler(Schedule.Constant()).Train(data);
            Assert.Equal(packing == PackingStrategy.PaddingFree, result.PaddingShare == 0);
            return [.. result.History.Select(step => step.Loss)];
        }
        double[] whole = Run(PackingStrategy.None, 6, 1), parts = Run(PackingStrategy.PaddingFree, 6 / accumulation, accumulation);
        Assert.Equal(4, whole.Length);
        Assert.All(whole.Zip(parts), pair => Assert.Equal(pair.First, pair.Second, Nearness));
    }

    private PromptCompletion[] Make(int count)
    {
        string file = Goldens.RequireShared("data", "gsm8k", "train.jsonl.gz");
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
        var examples = new List<PromptCompletion>();
        while (examples.Count < count && reader.ReadLine() is { } line)
        {
            using JsonDocument record = JsonDocument.Parse(line);
            examples.Add(new(record.RootElement.GetProperty("question").GetString()! + "\n", record.RootElement.GetProperty("answer").GetString()!));
        }
        TrainedVocabulary vocabulary = VocabularyTrainer.BytePair(examples.SelectMany(row => new[] { row.Prompt.Text!, row.Completion.Text! }), new VocabularyOptions { Size = 600 });
        int Id(string token) => vocabulary.Entries.Index().First(entry => entry.Item == token).Index;
        Directory.CreateDirectory(_folder);
        using (OutputHead head = OutputHead.Create($$"""
            {"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":{{vocabulary.Entries.Count}},"hidden_size":32,"num_hidden_layers":2,"num_attention_heads":4,
             "num_key_value_heads":2,"intermediate_size":64,"max_position_embeddings":512,"tie_word_embeddings":true,
             "bos_token_id":{{Id("<s>")}},"eos_token_id":{{Id("</s>")}},"pad_token_id":{{Id("<pad>")}}}
            """, HeadKind.CausalLanguage)) head.Save(_folder);
        vocabulary.Save(_folder);
        return [.. examples];
    }

    private CausalLanguageModel Open(PackingStrategy packing) => Pretrained.CausalLanguageModel(_folder, new LanguageModelOptions { Packing = packing, Dropout = 0 });

    private double[] Losses(PromptCompletion[] data, bool isPacked)
    {
        using CausalLanguageModel model = Open(PackingStrategy.None);
        CausalRow[] texts = [.. data.Select(example => model.Encode(example, new EncodingReport())).Cast<CausalRow>()];
        int[][] plan = [.. Packing.Rows([.. texts.Select(text => text.Length)], model.MaximumLength, PackingStrategy.Whole).Select(parts => parts.Select(part => part.Text).ToArray())];
        Assert.Contains(plan, row => row.Length > 1);
        var options = new TrainingOptions { Optimizer = Optimizer.AdamW(1e-3) };
        using OptimizerState state = options.Optimizer.CreateState();
        var gradients = new GradientStep(options, state);
        gradients.Regroup(model.Weights);
        var losses = new List<double>();
        for (int start = 0; start + 2 <= plan.Length; start += 2)
        {
            int[][] own = plan[start..(start + 2)];
            CausalRow[] rows = isPacked
                ? [.. own.Select(parts => CausalRow.Joined([.. parts.Select(text => texts[text])], separate: true))] : [.. own.SelectMany(parts => parts).Select(text => texts[text])];
            using var scope = NewDisposeScope();
            Batch batch = model.Collate(rows, rows.Max(row => row.Length));
            double sum = model.AddGradients(batch, ForwardContext.For(new DropoutStream(1, start, 0), Precision.Float32));
            gradients.Apply(1e-3, batch.TargetCount, gradients.Norm(batch.TargetCount));
            gradients.Clear();
            losses.Add(sum / batch.TargetCount);
        }
        return [.. losses];
    }
}
