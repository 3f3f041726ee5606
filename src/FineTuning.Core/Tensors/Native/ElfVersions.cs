using System.Buffers.Binary;
using System.Text;

namespace FineTuning.Tensors;

/// <summary>A version of another library that a shared object asks for, where its flags stand, and which symbols carry it.</summary>
/// <param name="Library">The library that must define it, for example <c>libstdc++.so.6</c>.</param>
/// <param name="Version">For example <c>GLIBCXX_3.4.32</c>.</param>
/// <param name="FlagsOffset">Where the 16-bit flags of the entry stand in the file.</param>
/// <param name="Symbols">The undefined symbols bound to this version.</param>
internal sealed record VersionNeed(string Library, string Version, long FlagsOffset, IReadOnlyList<string> Symbols);

/// <summary>Reads the version needs (.gnu.version_r) of a 64-bit little-endian ELF file, as the Linux Standard Base defines them.</summary>
internal static class ElfVersions
{
    /// <summary>VER_FLG_WEAK: a missing version is then a warning of the loader, not an error.</summary>
    public const ushort WeakFlag = 2;

    private const uint DynamicSymbols = 11;
    private const uint VersionNeeds = 0x6FFFFFFE;
    private const uint VersionSymbols = 0x6FFFFFFF;
    private const int LongestName = 4096;

    /// <exception cref="InvalidDataException">The file is not a 64-bit little-endian ELF file, or is damaged.</exception>
    public static IReadOnlyList<VersionNeed> Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 64 || !file[..4].SequenceEqual("\u007fELF"u8) || file[4] != 2 || file[5] != 1)
        {
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        }
        Section[] sections = Sections(file);
        Section? needs = Find(sections, VersionNeeds);
        if (needs is not { } table) return [];
        ReadOnlySpan<byte> names = Bytes(file, sections[checked((int)table.Link)]);
        ILookup<ushort, string> symbols = SymbolsByVersion(file, sections);

        var found = new List<VersionNeed>();
        long entry = table.Offset;
        for (uint i = 0; i < table.Info; i++)
        {
            ReadOnlySpan<byte> need = Slice(file, entry, 16);
            string library = Name(names, U32(need[4..]));
            long version = entry + U32(need[8..]);
            for (int j = 0; j < U16(need[2..]); j++)
            {
                ReadOnlySpan<byte> auxiliary = Slice(file, version, 16);
                ushort index = U16(auxiliary[6..]);
                found.Add(new(library, Name(names, U32(auxiliary[8..])), version + 4, [.. symbols[index]]));
                version += U32(auxiliary[12..]);
            }
            entry += U32(need[12..]);
        }
        return found;
    }

    private static ILookup<ushort, string> SymbolsByVersion(ReadOnlySpan<byte> file, Section[] sections)
    {
        var pairs = new List<(ushort Version, string Name)>();
        if (Find(sections, DynamicSymbols) is { } table && Find(sections, VersionSymbols) is { } versionTable)
        {
            ReadOnlySpan<byte> names = Bytes(file, sections[checked((int)table.Link)]);
            ReadOnlySpan<byte> symbols = Bytes(file, table);
            ReadOnlySpan<byte> versions = Bytes(file, versionTable);
            for (int i = 0; i < symbols.Length / 24 && (2 * i) + 2 <= versions.Length; i++)
            {
                ushort version = (ushort)(U16(versions[(2 * i)..]) & 0x7FFF);
                if (version > 1) pairs.Add((version, Name(names, U32(symbols[(24 * i)..]))));
            }
        }
        return pairs.ToLookup(pair => pair.Version, pair => pair.Name);
    }

    private static Section[] Sections(ReadOnlySpan<byte> file)
    {
        long start = unchecked((long)BinaryPrimitives.ReadUInt64LittleEndian(file[40..]));
        int size = U16(file[58..]);
        int count = U16(file[60..]);
        if (size < 64) throw new InvalidDataException($"section headers of {size} bytes; 64 were expected");
        var sections = new Section[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = Slice(file, start + ((long)i * size), 64);
            sections[i] = new(
                U32(header[4..]),
                unchecked((long)BinaryPrimitives.ReadUInt64LittleEndian(header[24..])),
                unchecked((long)BinaryPrimitives.ReadUInt64LittleEndian(header[32..])),
                U32(header[40..]),
                U32(header[44..]));
            if (sections[i].Link >= count) throw new InvalidDataException($"section {i} refers to section {sections[i].Link} of {count}");
        }
        return sections;
    }

    private static Section? Find(Section[] sections, uint type)
    {
        foreach (Section section in sections)
        {
            if (section.Type == type) return section;
        }
        return null;
    }

    private static ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> file, Section section) => Slice(file, section.Offset, section.Size);

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> file, long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > file.Length - length)
            throw new InvalidDataException($"bytes {offset} to {offset + length} of {file.Length} were asked for");
        return file.Slice((int)offset, (int)length);
    }

    private static string Name(ReadOnlySpan<byte> names, uint offset)
    {
        if (offset >= names.Length) throw new InvalidDataException($"a name at {offset} of {names.Length}");
        ReadOnlySpan<byte> rest = names[(int)offset..];
        int end = rest[..Math.Min(rest.Length, LongestName)].IndexOf((byte)0);
        if (end < 0) throw new InvalidDataException($"a name at {offset} has no end");
        return Encoding.UTF8.GetString(rest[..end]);
    }

    private static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static ushort U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private readonly record struct Section(uint Type, long Offset, long Size, uint Link, uint Info);
}
