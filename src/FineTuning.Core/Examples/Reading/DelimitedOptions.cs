using System.Text;

namespace FineTuning.Examples;

/// <summary>How a file of separated values is read.</summary>
/// <remarks>Immutable; change a copy with <c>with</c>.</remarks>
public sealed record DelimitedOptions
{
    /// <summary>What stands between two values. Default: a comma, or what a first line such as <c>sep=;</c> names.</summary>
    public char Separator { get; init; } = ',';

    /// <summary>
    /// Whether values may stand in quotes, as RFC 4180 has it. False: quotes are data like all else.
    /// Null (default): by the separator alone, true unless it is a tab, since tab-separated texts hold quotes as data.
    /// </summary>
    public bool? Quotes { get; init; }

    /// <summary>Whether the first record names the columns. Default true.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Whether spaces after a separator are left out. Default false: values are never changed.</summary>
    public bool TrimAfterSeparator { get; init; }

    /// <summary>The encoding of a file without a byte order mark. Null (default): UTF-8. Bytes that do not fit are an error in either case.</summary>
    public Encoding? Encoding { get; init; }

    /// <summary>The most characters of a value; a record has at most four times as many, and 65,536 values. Default 16,777,216.</summary>
    public int LongestValue { get; init; } = 1 << 24;

    /// <summary>Told of every problem, after which reading goes on as well as it can. Null (default): the first error is thrown.</summary>
    public Action<DataProblem>? OnProblem { get; init; }
}
