using FineTuning.Examples;

namespace FineTuning.Benchmarks.Comparison;

/// <summary>Short messages, spam or not: rows 0 to 3999, 4000 to 4699 and the rest.</summary>
internal static class SmsSpam
{
    public static (LabeledText<string>[] Train, LabeledText<string>[] Dev, LabeledText<string>[] Test) Read()
    {
        LabeledText<string>[] rows = [.. File.ReadLines(Shared.Data("sms_spam", "sms.tsv")).Select(line => line.Split('\t', 2)).Select(parts => new LabeledText<string>(parts[1], parts[0]))];
        return (rows[..4000], rows[4000..4700], rows[4700..]);
    }
}
