using System.Collections;
using FineTuning.Tasks;

namespace FineTuning.Batching;

/// <summary>The rows of two lists, one behind the other; nothing is copied.</summary>
internal sealed class JoinedRows(IReadOnlyList<EncodedRow> first, IReadOnlyList<EncodedRow> second) : IReadOnlyList<EncodedRow>
{
    public int Count => checked(first.Count + second.Count);

    public EncodedRow this[int index] => index < first.Count ? first[index] : second[index - first.Count];

    public IEnumerator<EncodedRow> GetEnumerator() => first.Concat(second).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
