using FineTuning.Batching;
using FineTuning.Errors;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Training;

/// <summary>When rows are made anew, what is refused, and what faults, flips and killed processes leave.</summary>
public sealed class KeptRowsTests : IDisposable
{
    private static readonly string Checkpoint = Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-classify");
    private readonly string _folder = KilledRun.NewFolder(), _other = KilledRun.NewFolder();

    public void Dispose()
    {
        foreach (string folder in new[] { _folder, _other })
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Anything_that_decides_the_rows_makes_them_anew_and_nothing_else_does()
    {
        LabeledText<string>[] data = Data(30);
        Assert.Equal(30, Encoded(data));
        Assert.Equal(0, Encoded(data));
        Assert.Equal(0, Encoded([.. data.Select(row => row with { Text = new string(row.Text) })]));
        // Another way to train is no other way to encode.
        Assert.Equal(0, Encoded(data, tuner => tuner.Seed(9).BatchSize(3).WithOptimizer(Optimizer.Sgd(0.1))));
        Assert.Equal(30, Encoded([.. data.Select((row, i) => i == 29 ? row with { Text = "red" } : row)]));
        Assert.Equal(30, Encoded(data));
        Assert.Equal(30, Encoded([.. data.Select((row, i) => i == 3 ? row with { Label = "neutral" } : row)]));
        Assert.Equal(30, Encoded([.. data.Reverse()]));
        Assert.Equal(29, Encoded(data[..29]));
        Assert.Equal(30, Encoded(data));
        Assert.Equal(30, Encoded(data, options: new() { MaximumLength = 5 }));
        Assert.Equal(30, Encoded(data, options: new() { ClassWeights = new Dictionary<string, double> { ["neutral"] = 2 } }));
        Assert.Equal(30, Encoded(data, options: new() { Labels = ["positive", "neutral", "negative"], FreshHead = true }));
        // The rows of each of these are kept beside the others.
        Assert.Equal(0, Encoded(data, options: new() { MaximumLength = 5 }));
        Assert.Equal(0, Encoded(data));
        Assert.Equal(4, Directory.GetDirectories(_folder).Length);
    }

    [Fact]
    public void Another_tokenizer_makes_them_anew()
    {
        LabeledText<string>[] data = Data(8);
        Assert.Equal(8, Encoded(data));
        Directory.CreateDirectory(_other);
        foreach (string file in Directory.GetFiles(Checkpoint)) File.Copy(file, Path.Combine(_other, Path.GetFileName(file)));
        Assert.Equal(0, Encoded(data, checkpoint: _other));
        string path = Path.Combine(_other, "tokenizer.json"), text = File.ReadAllText(path);
        Assert.Contains("\"lowercase\":true", text.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace("\"lowercase\": true", "\"lowercase\": false", StringComparison.Ordinal).Replace("\"lowercase\":true", "\"lowercase\":false", StringComparison.Ordinal));
        Assert.Equal(8, Encoded(data, checkpoint: _other));
    }

    [Fact]
    public void Of_a_source_without_end_as_much_is_read_as_the_steps_need()
    {
        using CountedModel<LabeledText<string>> model = Open(), again = Open();
        int read = 0;
        IEnumerable<LabeledText<string>> Endless()
        {
            for (int i = 0; ; i++)
            {
                read++;
                yield return new($"film {i % 7}", "neutral");
            }
        }
        TrainingResult result = FineTuner.For(model).Steps(3).BatchSize(4).KeepRowsOnDisk(_folder).Train(Endless());
        Assert.Equal((12, 12, 12), (result.TrainingRows, model.Encoded, read));
        result = FineTuner.For(again).Steps(3).BatchSize(4).KeepRowsOnDisk(_folder).Train(Endless());
        Assert.Equal((12, 0, 24), (result.TrainingRows, again.Encoded, read));
    }

    [Fact]
    public void Data_that_cannot_be_read_twice_is_an_error_where_rows_are_of_other_data()
    {
        Encoded(Data(20));
        using CountedModel<LabeledText<string>> model = Open();
        using IEnumerator<LabeledText<string>> once = ((IEnumerable<LabeledText<string>>)Data(40, 5)).GetEnumerator();
        IEnumerable<LabeledText<string>> Rest()
        {
            while (once.MoveNext()) yield return once.Current;
        }
        Assert.Contains("other records when it is read again", Assert.Throws<TrainingDataException>(() => FineTuner.For(model).Epochs(1).KeepRowsOnDisk(_folder).Train(Rest())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_is_cancelled_or_fails_while_it_encodes_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        IEnumerable<LabeledText<string>> Until(int count, Action then)
        {
            foreach (LabeledText<string> row in Data(10_000))
            {
                if (count-- == 0) then();
                yield return row;
            }
        }
        using CountedModel<LabeledText<string>> model = Open();
        FineTuner<LabeledText<string>> tuner = FineTuner.For(model).Epochs(1).KeepRowsOnDisk(_folder);
        Assert.ThrowsAny<OperationCanceledException>(() => tuner.Train(Until(9000, cancelled.Cancel), cancelled.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
        Assert.Throws<FormatException>(() => tuner.Train(Until(9000, () => throw new FormatException())));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
        // What a killed process has left is cleared away; what another is writing stays.
        string left = Path.Combine(_folder, ".finetuning-rows-0123456789abcdef0123456789abcdef"), foreign = Path.Combine(_folder, "mine");
        Directory.CreateDirectory(left);
        Directory.CreateDirectory(foreign);
        File.WriteAllText(Path.Combine(left, KeptRows.Name), "half");
        string lost = Path.Combine(_folder, ".finetuning-rows-00000000000000000000000000000000.lock");
        File.WriteAllText(lost, "");
        using var other = new RowFileWriter(_folder, LocalDisk.Instance);
        Assert.False(Directory.Exists(left) || File.Exists(lost));
        Encoded(Data(5));
        Assert.True(Directory.Exists(other.Folder) && Directory.Exists(foreign));
        other.Discard();
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder).Length);
    }

    [Fact]
    public void Every_flipped_byte_and_every_cut_is_detected_and_the_rows_are_made_anew()
    {
        LabeledText<string>[] data = Data(20);
        Encoded(data);
        string folder = Assert.Single(Directory.GetDirectories(_folder));
        using CountedModel<LabeledText<string>> model = Open();
        void Check() => new KeptRows(folder, null, model.RowFormat!).Verify(default);
        Check();
        foreach (string file in Directory.GetFiles(folder))
        {
            byte[] contents = File.ReadAllBytes(file);
            for (int i = 0; i < contents.Length; i++)
            {
                contents[i] ^= (byte)(1 << (i % 8));
                File.WriteAllBytes(file, contents);
                Assert.Throws<CheckpointException>(Check);
                contents[i] ^= (byte)(1 << (i % 8));
            }
            foreach (byte[] changed in (byte[][])[contents[..^1], [.. contents, 0], []])
            {
                File.WriteAllBytes(file, changed);
                Assert.Throws<CheckpointException>(Check);
            }
            File.Delete(file);
            Assert.Throws<CheckpointException>(Check);
            File.WriteAllBytes(file, contents);
        }
        Check();
        string rows = Path.Combine(folder, KeptRows.Name);
        byte[] damaged = File.ReadAllBytes(rows);
        damaged[^1]++;
        File.WriteAllBytes(rows, damaged);
        TrainingResult result = FineTuner.For(model).Steps(1).KeepRowsOnDisk(_folder).Train(data);
        Assert.Equal(20, model.Encoded);
        Assert.Contains(result.Warnings, warning => warning.Contains("encoded anew", StringComparison.Ordinal) && warning.Contains(KeptRows.Name, StringComparison.Ordinal));
        Check();
    }

    [Fact]
    public void Rows_that_are_damaged_while_a_run_reads_them_end_it_with_the_file_and_not_the_process()
    {
        Encoded(Data(200));
        string folder = Assert.Single(Directory.GetDirectories(_folder));
        using CountedModel<LabeledText<string>> model = Open();
        using var rows = new KeptRows(folder, null, model.RowFormat!);
        rows.Verify(default);
        using (var file = new FileStream(Path.Combine(folder, KeptRows.Name), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(file.Length / 2);
        Assert.NotNull(rows[0]);
        Assert.Contains(KeptRows.Name, Assert.Throws<CheckpointException>(() => rows[^1]).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Fault.Error)]
    [InlineData(Fault.Denied)]
    [InlineData(Fault.Full)]
    [InlineData(Fault.ShortWrite)]
    [InlineData(Fault.LosesUnsynced)]
    [InlineData(Fault.TearsUnsynced)]
    [InlineData(Fault.KeepsSome)]
    internal void A_fault_at_any_operation_leaves_rows_whole_or_absent(Fault fault) => WholeOrAbsent(() => Open(), Data(12), fault, 8);

    [Theory]
    [InlineData(Fault.Error)]
    [InlineData(Fault.Full)]
    [InlineData(Fault.LosesUnsynced)]
    [InlineData(Fault.KeepsSome)]
    internal void A_fault_while_texts_are_packed_leaves_rows_whole_or_absent(Fault fault)
    {
        var options = new LanguageModelOptions { Packing = PackingStrategy.Split, MaximumLength = 16 };
        WholeOrAbsent(() => Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate"), options),
            [.. Data(12).Select(row => new PromptCompletion(row.Text, row.Label))], fault, 14);
    }

    [Fact]
    public void Texts_that_wait_to_be_packed_are_gone_when_they_are_and_when_the_run_fails()
    {
        using CausalLanguageModel model = Pretrained.CausalLanguageModel(
            Goldens.Require("pipelines", "gpt2-generate"), new() { Packing = PackingStrategy.Whole, MaximumLength = 64 });
        PromptCompletion[] data = [.. Data(5000).Select(row => new PromptCompletion(row.Text, row.Label))];
        int most = 0;
        FineTuner<PromptCompletion> tuner = FineTuner.For(model).Epochs(1).BatchSize(64).KeepRowsOnDisk(_folder)
            .OnProgress(_ => most = Math.Max(most, Directory.GetDirectories(_folder).Length));
        IEnumerable<PromptCompletion> Failing() => data.Select((row, i) => i < 4999 ? row : throw new FormatException());
        Assert.Throws<FormatException>(() => tuner.Train(Failing()));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
        TrainingResult result = tuner.Train(data);
        Assert.InRange(result.TrainingRows, 1, 2500);
        Assert.Equal(1, most);
        Assert.Equal([KeptRows.Name, RowIndex.Name], Directory.GetFiles(Assert.Single(Directory.GetFileSystemEntries(_folder))).Select(Path.GetFileName).OrderDescending());
    }

    private void WholeOrAbsent<T>(Func<TunableModel<T>> open, T[] data, Fault fault, int least)
    {
        string weights = KilledRun.Whole(open, tuner => tuner.Steps(2), data).Weights;
        int operation = 1;
        for (bool reached = true; reached; operation++)
        {
            Directory.CreateDirectory(_folder);
            var disk = new SimulatedDisk(_folder, fault, operation);
            using (TunableModel<T> model = open())
            {
                Exception? failure = Record.Exception(() => FineTuner.For(model).Steps(2).With(new RowKeeping(_folder) { Disk = disk }).Train(data));
                reached = disk.HasFailed;
                // Texts that could not be deleted once they were packed are no reason to fail: the rows are there, and the next run clears away.
                if (reached && !SimulatedDisk.IsPowerLoss(fault)) Assert.True(failure is IOException || (failure is null && Directory.GetDirectories(_folder, "rows-*").Length == 1), $"{failure}");
                if (!reached) Assert.Null(failure);
            }
            if (SimulatedDisk.IsPowerLoss(fault)) disk.LosePower();
            using (TunableModel<T> model = open())
            {
                TrainingResult result = FineTuner.For(model).Steps(2).KeepRowsOnDisk(_folder).Train(data);
                Assert.DoesNotContain(result.Warnings, warning => warning.Contains("encoded anew", StringComparison.Ordinal));
                Assert.Equal(weights, WeightHash.Of(model.Weights));
            }
            Directory.Delete(_folder, recursive: true);
        }
        Assert.True(operation > least, $"{operation} operations");
    }

    [Fact]
    public void What_cannot_be_kept_is_refused_before_data_is_read()
    {
        IEnumerable<T> Unread<T>()
        {
            Assert.Fail("the data was read");
            yield break;
        }
        using TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoint);
        Refused(() => FineTuner.For(model).KeepRowsOnDisk().Train(Unread<LabeledText<string>>()), "KeepRowsOnDisk() has no folder");
        Refused(() => FineTuner.For(model).KeepRowsOnDisk(_folder).WithAugmentation([Augmentation.Words()]).Train(Unread<LabeledText<string>>()), "cannot be kept");
        using RowsClassifier own = TinyRun.Model();
        Refused(() => FineTuner.For(own).KeepRowsOnDisk(_folder).Train(Unread<IdsWithLabel>()), "RowsClassifier");

        static void Refused(Action train, string text) => Assert.Contains(text, Assert.Throws<InvalidOptionsException>(train).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mixup_and_frozen_states_see_the_same_rows()
    {
        LabeledText<string>[] data = Data(30);
        foreach (Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>> recipe in (Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>>[])
            [tuner => tuner.WithMixup(), tuner => tuner.Freeze(weights => weights.Trunk()), tuner => tuner.TokenBudget(40)])
        {
            (TrainingResult expected, string weights) = KilledRun.Whole(() => Open(), tuner => recipe(tuner.Epochs(2)), data);
            (TrainingResult actual, string kept) = KilledRun.Whole(() => Open(), tuner => recipe(tuner.Epochs(2)).KeepRowsOnDisk(_folder), data);
            Assert.Equal(weights, kept);
            KilledRun.AssertSame(expected, actual);
        }
    }

    [Fact]
    public void Lengths_take_two_bytes_until_one_does_not_fit()
    {
        var lengths = new RowLengths();
        for (int i = 0; i < 5000; i++) lengths.Add(i);
        Assert.Equal(2, lengths.Width);
        lengths.Add(70_000);
        Assert.Equal(4, lengths.Width);
        Assert.Equal([.. Enumerable.Range(0, 5000), 70_000], lengths);
    }

    [Theory]
    [InlineData("")]
    [InlineData("naïve 你好 🙂")]
    [InlineData("\ud800 half")]
    public void Numbers_and_texts_come_back_as_they_were(string text)
    {
        var writer = new RowWriter();
        long[] numbers = [0, -1, 1, 63, 64, -64, -65, 1 << 20, int.MinValue, long.MaxValue, long.MinValue];
        foreach (long number in numbers) writer.Number(number);
        writer.Text(text);
        writer.Flags([true, false, true, true, false, false, false, true, true]);
        writer.OptionalReal(double.NaN);
        writer.OptionalReal(null);
        var reader = new RowReader(writer.Written, 0, 0);
        foreach (long number in numbers) Assert.Equal(number, reader.Number());
        Assert.Equal(text, reader.Text());
        Assert.Equal([true, false, true, true, false, false, false, true, true], reader.Flags());
        Assert.Equal(double.NaN, reader.OptionalReal());
        Assert.Null(reader.OptionalReal());
        Assert.True(reader.IsAtEnd);
    }

    [Fact]
    public void Random_bytes_are_a_row_or_an_error_and_take_no_memory()
    {
        using CountedModel<LabeledText<string>> model = Open();
        using TokenClassifier tagger = Pretrained.TokenClassifier(Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "bert-tokens"));
        var random = new Random(4);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int errors = 0;
        for (int i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(60)];
            random.NextBytes(bytes);
            // Lists of absurd lengths.
            if (i % 3 == 0) bytes = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, .. bytes];
            try
            {
                var reader = new RowReader(bytes, 50, 0);
                (i % 2 == 0 ? model.RowFormat! : tagger.RowFormat).Read(ref reader);
            }
            catch (InvalidDataException)
            {
                errors++;
            }
        }
        Assert.True(errors > 19_000, $"{errors}");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100 << 20);
    }

    private int Encoded(LabeledText<string>[] data, Func<FineTuner<LabeledText<string>>, FineTuner<LabeledText<string>>>? recipe = null,
        TextClassifierOptions<string>? options = null, string? checkpoint = null)
    {
        using CountedModel<LabeledText<string>> model = Open(options, checkpoint);
        TrainingResult result = (recipe ?? (tuner => tuner))(FineTuner.For(model).Steps(1)).KeepRowsOnDisk(_folder).Train(data);
        Assert.Equal(data.Length, result.TrainingRows);
        return model.Encoded;
    }

    private static CountedModel<LabeledText<string>> Open(TextClassifierOptions<string>? options = null, string? checkpoint = null) =>
        new(Pretrained.TextClassifier(checkpoint ?? Checkpoint, options ?? new TextClassifierOptions<string> { Dropout = 0.1 }));

    private static LabeledText<string>[] Data(int count, int seed = 0) => [.. Enumerable.Range(seed, count).Select(i => new LabeledText<string>(
        string.Join(' ', Enumerable.Repeat(new[] { "film", "Good", "tree", "house" }[i % 4], 1 + (i * 5 % 9))), new[] { "negative", "neutral", "positive" }[i * i % 3]))];
}
