namespace FineTuning.Text;

/// <summary>
/// Pieces by their characters: a table for the first character, one step of a hash table for each further one. Immutable once filled; reading is thread-safe.
/// </summary>
internal sealed class PieceTrie
{
    private const int Root = 0;

    // Every position of a text is the start of a look-up: its first step is an index. 0, the root, is no child.
    private readonly int[] _first = new int[char.MaxValue + 1];
    private Slot[] _slots = new Slot[1024];
    private int[] _values = [Nothing];
    private int _count = 1;

    /// <summary>The value that is none.</summary>
    public const int Nothing = -1;

    public void Add(ReadOnlySpan<char> piece, int value)
    {
        int node = Root;
        foreach (char character in piece)
        {
            int next = Next(node, character);
            if (next < 0)
            {
                next = _count++;
                if (_values.Length < _count) Array.Resize(ref _values, 2 * _count);
                _values[next] = Nothing;
                if (node == Root) _first[character] = next;
                else Insert(Key(node, character), next);
            }
            node = next;
        }
        _values[node] = value;
    }

    public static int Start => Root;

    /// <summary>The node one character further; -1: no piece goes on so.</summary>
    public int Next(int node, char character)
    {
        if (node == Root) return _first[character] is > 0 and int first ? first : -1;
        Slot[] slots = _slots;
        long key = Key(node, character);
        for (int position = Position(key, slots.Length - 1); ; position = (position + 1) & (slots.Length - 1))
        {
            ref readonly Slot slot = ref slots[position];
            if (slot.Key == key) return slot.Child;
            if (slot.Key == 0) return -1;
        }
    }

    /// <summary>The value of the piece that ends at a node.</summary>
    public int Value(int node) => _values[node];

    // Never 0, which marks a free slot.
    private static long Key(int node, char character) => (((long)node << 16) | character) + 1;

    private static int Position(long key, int mask) => (int)((ulong)key * 0x9E3779B97F4A7C15ul >> 40) & mask;

    private void Insert(long key, int child)
    {
        if (2 * (long)_count > _slots.Length)
        {
            Slot[] old = _slots;
            _slots = new Slot[2 * old.Length];
            foreach (Slot slot in old) if (slot.Key != 0) Put(slot);
        }
        Put(new(key, child));
    }

    private void Put(Slot slot)
    {
        int mask = _slots.Length - 1, position = Position(slot.Key, mask);
        while (_slots[position].Key != 0) position = (position + 1) & mask;
        _slots[position] = slot;
    }

    private readonly record struct Slot(long Key, int Child);
}
