using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>
/// SentencePiece's compiled character map, walked as the reference's fast tokenizers walk it: whole grapheme clusters of less than six bytes first,
/// the shortest entry that begins them, else character by character. (SentencePiece itself takes the longest entry.)
/// </summary>
internal sealed class PrecompiledNormalizer : Normalizer
{
    private const int LongestCluster = 6;

    private readonly uint[] _trie;
    private readonly byte[] _texts;

    // Replacements that texts had, by their position.
    private readonly ConcurrentDictionary<uint, string> _known = new();

    // What becomes of each ASCII character on its own. Null: it stays.
    private readonly string?[] _ascii = new string?[128];

    private readonly ulong[] _kept = new ulong[0x10000 / 64];

    /// <param name="map">The map: the trie's size in bytes, the trie, and the replacements, each ended by a zero.</param>
    /// <param name="path">The file it stands in.</param>
    public PrecompiledNormalizer(ReadOnlySpan<byte> map, string path)
    {
        if (map.Length < 4) throw new CheckpointException(path, "its precompiled_charsmap is too short");
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(map);
        if (size % 4 != 0 || size > map.Length - 4)
            throw new CheckpointException(path, $"its precompiled_charsmap says its trie has {size} bytes, but only {map.Length - 4} follow");
        _trie = new uint[size / 4];
        for (int i = 0; i < _trie.Length; i++) _trie[i] = BinaryPrimitives.ReadUInt32LittleEndian(map[(4 + (4 * i))..]);
        _texts = map[(4 + (int)size)..].ToArray();
        for (int i = 1; i < 128; i++) _ascii[i] = Find([(char)i]);
        for (int i = ' '; i < '\uD800'; i++) if (Alone((char)i) && Find([(char)i]) is null) _kept[i >> 6] |= 1ul << (i & 63);
        for (int i = '\uFF01'; i <= '\uFF60'; i++) if (Find([(char)i]) is null) _kept[i >> 6] |= 1ul << (i & 63);
    }

    public static PrecompiledNormalizer? FromBase64(string? text, string path)
    {
        if (string.IsNullOrEmpty(text)) return null;
        try
        {
            return new(Convert.FromBase64String(text), path);
        }
        catch (FormatException fault)
        {
            throw new CheckpointException(path, "its precompiled_charsmap is no base64", fault);
        }
    }

    public override void Apply(AlignedText text)
    {
        ReadOnlySpan<char> characters = text.Characters;
        if (IsUnchanged(characters)) return;
        Transformation changes = text.Changes();
        bool modified = false;
        for (int at = 0; at < characters.Length;)
        {
            int length = Cluster(characters[at..]);
            ReadOnlySpan<char> cluster = characters.Slice(at, length);
            at += length;
            if (length == 1 && IsKept(cluster[0]))
            {
                changes.Add(cluster[0], 0);
            }
            else if (length == 1 && cluster[0] < 128)
            {
                if (_ascii[cluster[0]] is not { } other)
                {
                    changes.Add(cluster[0], 0);
                    continue;
                }
                changes.Replace(cluster, other);
                modified = true;
            }
            else
            {
                modified |= Rewrite(cluster, changes);
            }
        }
        if (modified) changes.Apply(text);
    }

    // Characters that join with nothing and stand for themselves.
    private bool IsUnchanged(ReadOnlySpan<char> text)
    {
        foreach (char character in text) if (!IsKept(character)) return false;
        return true;
    }

    private bool IsKept(char character) => (_kept[character >> 6] >> (character & 63) & 1) != 0;

    private static bool Alone(char character) =>
        character is (>= ' ' and < '\u0300') or (>= '\u3001' and <= '\u3029') or (>= '\u3041' and <= '\u3096') or (>= '\u30A1' and <= '\u30FF')
        or (>= '\u3400' and <= '\u4DBF') or (>= '\u4E00' and <= '\u9FFF') or (>= '\uFF01' and <= '\uFF60');

    private bool Rewrite(ReadOnlySpan<char> cluster, Transformation changes)
    {
        if (cluster.Length < LongestCluster && Encoding.UTF8.GetByteCount(cluster) < LongestCluster && Find(cluster) is { } whole)
        {
            changes.Replace(cluster, whole);
            return true;
        }
        bool modified = false;
        for (int i = 0; i < cluster.Length;)
        {
            int size = char.IsHighSurrogate(cluster[i]) && i + 1 < cluster.Length ? 2 : 1;
            ReadOnlySpan<char> character = cluster.Slice(i, size);
            i += size;
            if (Find(character) is { } other)
            {
                changes.Replace(character, other);
                modified = true;
            }
            else
            {
                changes.Add(character, 0);
            }
        }
        return modified;
    }

    // Two plain letters never join, so most of a text need not ask for the rules of clusters.
    private static int Cluster(ReadOnlySpan<char> text)
    {
        if (text.Length == 1) return 1;
        if (Alone(text[0]) && Alone(text[1])) return 1;
        return StringInfo.GetNextTextElementLength(text);
    }

    // The double array of Darts-clone: label in the low byte, leaf mark in bit 8, offset in bits 10 and up, shifted by 8 where bit 9 is set.
    private string? Find(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[LongestCluster * 3];
        int count = Encoding.UTF8.GetBytes(text, bytes);
        uint node = 0;
        if (_trie.Length == 0) return null;
        node ^= Offset(_trie[0]);
        foreach (byte value in bytes[..count])
        {
            if (value == 0) return null;
            node ^= value;
            if (node >= _trie.Length) return null;
            uint unit = _trie[node];
            if ((unit & 0x800000FF) != value) return null;
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 1) return node < _trie.Length ? TextAt(_trie[node] & 0x7FFFFFFF) : null;
        }
        return null;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);

    private string? TextAt(uint index)
    {
        if (index >= _texts.Length) return null;
        if (_known.TryGetValue(index, out string? known)) return known;
        ReadOnlySpan<byte> rest = _texts.AsSpan((int)index);
        int end = rest.IndexOf((byte)0);
        return _known[index] = Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }
}
