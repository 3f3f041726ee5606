using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Tensors;
using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>Labels, weights and tokenizer of a folder are those of one save, whatever saves into it meanwhile.</summary>
public sealed class WholeFolderTests
{
    [Fact]
    public async Task Loads_beside_saves_never_mix_two_models()
    {
        string target = Path.Combine(Directory.CreateTempSubdirectory("whole").FullName, "model"), first = TinyCheckpoint.Make(1), second = TinyCheckpoint.Make(2);
        using TextClassifier<string> one = Pretrained.TextClassifier<string>(first), two = Pretrained.TextClassifier<string>(second);
        one.Save(target);
        using var stop = new CancellationTokenSource();
        int saves = 0;
        Task writer = Task.Run(() =>
        {
            for (; !stop.IsCancellationRequested; Interlocked.Increment(ref saves)) (saves % 2 == 0 ? two : one).Save(target);
        }, TestContext.Current.CancellationToken);
        int[] loads = new int[3];
        // A busy machine may save slowly: both have to have happened often, and beside each other.
        while ((loads.Sum() < 150 || Volatile.Read(ref saves) < 30) && !writer.IsCompleted) loads[TinyCheckpoint.NumberOf(target)]++;
        await stop.CancelAsync();
        await writer;
        Assert.True(loads[1] > 0 && loads[2] > 0);
    }

    [Fact]
    public void A_reading_that_was_disturbed_is_taken_again_and_its_result_disposed()
    {
        string folder = TinyCheckpoint.Make();
        int tries = 0, disposed = 0;
        using Result result = WholeFolder.Read(folder, () =>
        {
            if (++tries < 3) File.WriteAllText(Path.Combine(folder, "config.json"), new string(' ', tries));
            return new Result(() => disposed++);
        });
        Assert.Equal((3, 2), (tries, disposed));
    }

    [Fact]
    public void Faults_of_a_reading_that_was_disturbed_are_not_faults_of_the_folder()
    {
        string folder = TinyCheckpoint.Make();
        int tries = 0;
        Assert.Equal(3, WholeFolder.Read(folder, () =>
        {
            if (++tries >= 3) return tries;
            File.WriteAllText(Path.Combine(folder, $"file{tries}"), "");
            throw new CheckpointException(folder, "half");
        }));
        Assert.Throws<CheckpointException>(() => WholeFolder.Read<int>(folder, () => throw new CheckpointException(folder, "whole")));
    }

    [Fact]
    public void A_folder_that_never_rests_is_named()
    {
        string folder = TinyCheckpoint.Make();
        int tries = 0;
        Assert.Contains("changed", Assert.Throws<CheckpointException>(() => WholeFolder.Read(folder, () =>
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), new string(' ', ++tries));
            return tries;
        })).Message, StringComparison.Ordinal);
    }

    private sealed class Result(Action disposed) : IDisposable
    {
        public void Dispose() => disposed();
    }
}
