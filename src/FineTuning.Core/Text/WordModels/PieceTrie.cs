namespace FineTuning.Text;

/// <summary>Pieces by their characters: one step of a hash table a character. Immutable once filled; reading is thread-safe.</summary>
internal sealed class PieceTrie
{
    private const int Root = 0;

    private long[] _keys = new long[1024];
    private int[] _children = new int[1024];
    private readonly List<int> _values = [-1];

    /// <summary>The value that is none.</summary>
    public const int Nothing = -1;

    public void Add(ReadOnlySpan<char> piece, int value)
    {
        int node = Root;
        foreach (char character in piece)
        {
            if (Next(node, character) is >= 0 and int found)
            {
                node = found;
                continue;
            }
            _values.Add(Nothing);
            Insert(Key(node, character), _values.Count - 1);
            node = _values.Count - 1;
        }
        _values[node] = value;
    }

    public static int Start => Root;

    /// <summary>The node one character further; -1: no piece goes on so.</summary>
    public int Next(int node, char character)
    {
        long key = Key(node, character);
        int mask = _keys.Length - 1;
        for (int slot = Slot(key, mask); ; slot = (slot + 1) & mask)
        {
            if (_keys[slot] == key) return _children[slot];
            if (_keys[slot] == 0) return -1;
        }
    }

    /// <summary>The value of the piece that ends at a node.</summary>
    public int Value(int node) => _values[node];

    // Never 0, which marks a free slot.
    private static long Key(int node, char character) => (((long)node << 16) | character) + 1;

    private static int Slot(long key, int mask) => (int)((ulong)key * 0x9E3779B97F4A7C15ul >> 40) & mask;

    private void Insert(long key, int child)
    {
        if (2 * (long)_values.Count > _keys.Length) Grow();
        int mask = _keys.Length - 1;
        int slot = Slot(key, mask);
        while (_keys[slot] != 0) slot = (slot + 1) & mask;
        (_keys[slot], _children[slot]) = (key, child);
    }

    private void Grow()
    {
        (long[] keys, int[] children) = (_keys, _children);
        (_keys, _children) = (new long[2 * keys.Length], new int[2 * keys.Length]);
        int mask = _keys.Length - 1;
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] == 0) continue;
            int slot = Slot(keys[i], mask);
            while (_keys[slot] != 0) slot = (slot + 1) & mask;
            (_keys[slot], _children[slot]) = (keys[i], children[i]);
        }
    }
}
