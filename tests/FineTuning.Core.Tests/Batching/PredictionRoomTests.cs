using System.Reflection;
using FineTuning.Batching;
using FineTuning.Heads;
using FineTuning.Tasks;
using FineTuning.Tensors;
using FineTuning.Tests.Training;
using Xunit;

namespace FineTuning.Tests.Batching;

/// <summary>Predictions where the address space is limited: no pass begins that has no room, and what is answered is answered in order.</summary>
public sealed class PredictionRoomTests : IDisposable
{
    private readonly RowsClassifier _model = TinyRun.Model();
    private readonly List<(int Rows, int Length)> _passes = [];

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(20)]
    [InlineData(64)]
    [InlineData(300)]
    [InlineData(100_000)]
    public void No_pass_begins_that_has_no_room(int tokens)
    {
        var random = new Random(3);
        Row[] rows = [.. Enumerable.Range(0, 200).Select(i => new Row(random.Next(1, 17)) { Index = i })];
        PredictionRoom room = Room(tokens);
        int[] found = Run(rows, room);
        Assert.Equal(rows.Select(row => row.Index), found);
        int most = _passes.Max(pass => pass.Rows * pass.Length), computed = _passes.Count;
        Assert.True(most <= tokens, $"a pass over {most} tokens began");
        Assert.Equal(1, _passes[0].Rows);
        // What is measured grows step by step.
        int largest = _passes[0].Length;
        foreach ((int count, int length) in _passes)
        {
            Assert.True(count == 1 || count * length <= 2 * largest, $"{count} x {length} tokens after {largest}");
            largest = Math.Max(largest, count * length);
        }
        // What was measured once is known.
        for (int again = 0; again < 5; again++)
        {
            _passes.Clear();
            Assert.Equal(rows.Select(row => row.Index), Run(rows, room));
            Assert.True(_passes.Count < computed);
            Assert.True(_passes.Max(pass => pass.Rows * pass.Length) <= tokens);
        }
        Assert.Equal(tokens == 100_000, _passes.Count == 1);
    }

    [Fact]
    public void A_row_without_room_is_refused_before_it_is_computed()
    {
        Row[] rows = [.. new[] { 2, 100, 4, 8 }.Select((length, i) => new Row(length) { Index = i })];
        InsufficientMemoryException refusal = Assert.Throws<InsufficientMemoryException>(() => Run(rows, Room(50)));
        Assert.Contains("one row of 100 tokens", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("the address space has", refusal.Message, StringComparison.Ordinal);
        Assert.NotEmpty(_passes);
        Assert.All(_passes, pass => Assert.True(pass.Length <= 8));
        _passes.Clear();
        var none = new PredictionRoom(new(() => AddressSpace.Reserve - 1, _ => throw new InvalidOperationException()));
        Assert.Throws<InsufficientMemoryException>(() => Run(rows, none));
        Assert.Empty(_passes);
    }

    [Fact]
    public void Where_a_tensor_finds_no_memory_half_of_the_rows_are_computed()
    {
        Row[] rows = [.. Enumerable.Range(0, 40).Select(i => new Row(4) { Index = i })];
        Assert.Equal(rows.Select(row => row.Index), Run(rows, Room(100_000), most: 3));
        Assert.Contains(_passes, pass => pass.Rows > 3);
        InsufficientMemoryException refusal = Assert.Throws<InsufficientMemoryException>(() => Run(rows, Room(100_000), most: 0));
        Assert.Contains("can't allocate memory", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_limit_there_is_nothing_to_ask()
    {
        if (AddressSpace.Limit() is not null) Assert.Skip("the address space of this process is limited");
        Assert.Null(PredictionRoom.OfProcess(_model.Weights, (MethodInfo)MethodBase.GetCurrentMethod()!));
    }

    // Each token takes a megabyte.
    private PredictionRoom Room(int tokens) => new(new(() => AddressSpace.Reserve + ((long)tokens << 20), pass =>
    {
        pass();
        return (long)_passes[^1].Rows * _passes[^1].Length << 20;
    }));

    private int[] Run(Row[] rows, PredictionRoom room, int most = int.MaxValue) => PredictionBatches.Run<Row, int>(_model.Weights, rows, (some, length) =>
    {
        _passes.Add((some.Length, length));
        if (some.Length > most) throw new InsufficientMemoryException("can't allocate memory");
        return [.. some.Select(row => row.Index)];
    }, room, TestContext.Current.CancellationToken);

    private sealed class Row(int length) : EncodedRow(length);
}
