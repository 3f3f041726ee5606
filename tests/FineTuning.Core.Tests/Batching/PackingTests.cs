using System.Diagnostics;
using System.Text.Json;
using FineTuning.Batching;
using Xunit;

namespace FineTuning.Tests.Batching;

/// <summary>Which texts share rows: exactly as the reference packs, and without losing a token.</summary>
public sealed class PackingTests
{
    [Fact]
    public void Equals_the_reference()
    {
        string path = Path.Combine(Goldens.Require("preference"), "packing.jsonl");
        int compared = 0;
        foreach (string line in File.ReadLines(path))
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement test = json.RootElement;
            int[] lengths = Numbers(test.GetProperty("lengths"));
            PackingStrategy strategy = test.GetProperty("strategy").GetString() switch
            {
                "bfd" => PackingStrategy.Whole,
                "bfd_split" => PackingStrategy.Split,
                "wrapped" => PackingStrategy.Wrapped,
                var other => throw new NotSupportedException(other),
            };
            int[] firsts = new int[lengths.Length];
            for (int i = 1; i < firsts.Length; i++) firsts[i] = firsts[i - 1] + lengths[i - 1];
            IReadOnlyList<IReadOnlyList<TextPart>> rows = Packing.Rows(lengths, test.GetProperty("seq_length").GetInt32(), strategy);
            JsonElement[] expected = [.. test.GetProperty("rows").EnumerateArray()];
            Assert.Equal(expected.Length, rows.Count);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.Equal(Numbers(expected[i]), rows[i].SelectMany(part => Enumerable.Range(firsts[part.Text] + part.Start, part.Length)));
                if (test.TryGetProperty("seq_lengths", out JsonElement parts)) Assert.Equal(Numbers(parts[i]), rows[i].Select(part => part.Length));
            }
            compared++;
        }
        Assert.True(compared > 0);
    }

    [Theory]
    [InlineData(PackingStrategy.Whole)]
    [InlineData(PackingStrategy.Split)]
    [InlineData(PackingStrategy.Wrapped)]
    public void Every_token_stands_in_one_row_and_no_row_is_too_long(PackingStrategy strategy)
    {
        var random = new Random(5);
        for (int round = 0; round < 200; round++)
        {
            int capacity = random.Next(1, 40);
            int[] lengths = [.. Enumerable.Range(0, random.Next(0, 30)).Select(_ => random.Next(0, strategy == PackingStrategy.Whole ? capacity + 1 : 3 * capacity))];
            IReadOnlyList<IReadOnlyList<TextPart>> rows = Packing.Rows(lengths, capacity, strategy);
            Assert.All(rows, row => Assert.InRange(row.Sum(part => part.Length), 1, capacity));
            var tokens = rows.SelectMany(row => row).SelectMany(part => Enumerable.Range(part.Start, part.Length).Select(token => (part.Text, token))).Order();
            Assert.Equal(lengths.SelectMany((length, text) => Enumerable.Range(0, length).Select(token => (text, token))), tokens);
        }
    }

    [Fact]
    public void A_million_texts_are_packed_in_seconds_and_nearly_full()
    {
        var random = new Random(1);
        int[] lengths = [.. Enumerable.Range(0, 1_000_000).Select(_ => random.Next(1, 1000))];
        long started = Stopwatch.GetTimestamp();
        int rows = Packing.Rows(lengths, 2048, PackingStrategy.Whole).Count;
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30));
        Assert.InRange(rows * 2048.0 / lengths.Sum(length => (long)length), 1, 1.01);
    }

    [Fact]
    public void What_cannot_be_packed_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Packing.Rows([1], 0, PackingStrategy.Whole));
        Assert.Throws<ArgumentException>(() => Packing.Rows([1], 4, PackingStrategy.PaddingFree));
    }

    private static int[] Numbers(JsonElement values) => [.. values.EnumerateArray().Select(value => value.GetInt32())];
}
