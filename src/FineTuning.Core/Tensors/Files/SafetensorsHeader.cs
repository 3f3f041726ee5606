using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>The header of a safetensors file, validated as strictly as the reference reader does, before anything of the body is touched.</summary>
/// <remarks>Format: 8 bytes of length, JSON of that length, then the tensors without gap or overlap to the end of the file.</remarks>
internal sealed class SafetensorsHeader
{
    private const long LargestHeader = 100_000_000;
    private const int DeepestJson = 8;
    private const int MostTensors = 1 << 18;
    private const int MostMetadata = 1 << 16;

    private SafetensorsHeader(Dictionary<string, Entry> entries, Dictionary<string, string> metadata, long bodyStart)
    {
        Entries = entries;
        Metadata = metadata;
        BodyStart = bodyStart;
    }

    public IReadOnlyDictionary<string, Entry> Entries { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public long BodyStart { get; }

    /// <param name="DataType">As the file spells it.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="Start">Where its bytes begin, counted from the body's start.</param>
    /// <param name="End">Where they end.</param>
    internal sealed record Entry(string DataType, long[] Shape, long Start, long End);

    /// <exception cref="CheckpointException">The file is not a whole and valid safetensors file.</exception>
    public static SafetensorsHeader Read(string path, Stream stream)
    {
        long fileLength = stream.Length;
        Span<byte> start = stackalloc byte[KnownContents.Length];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (KnownContents.OfSafetensors(start) is { } known) throw new CheckpointException(path, known);
        if (fileLength < 8) throw new CheckpointException(path, $"{fileLength} bytes are too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[8];
        stream.Position = 0;
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > LargestHeader)
            throw new CheckpointException(path, $"its header claims {length} bytes; at most {LargestHeader} are allowed: this is no safetensors file");
        if ((long)length > fileLength - 8)
            throw new CheckpointException(path, $"its header claims {length} bytes, but only {fileLength - 8} follow: "
                + "the file is cut off or no safetensors file");
        var json = new byte[length];
        stream.ReadExactly(json);
        try
        {
            // The reader below skips the text of what it does not look at; the reference refuses text that is no UTF-8 anywhere.
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(json);
            (Dictionary<string, Entry> entries, Dictionary<string, string> metadata) = Parse(json);
            CheckCoverage(entries, fileLength - 8 - (long)length);
            return new(entries, metadata, 8 + (long)length);
        }
        catch (Exception fault) when (
            fault is JsonException or InvalidOperationException or FormatException or OverflowException or ArgumentException or InvalidDataException)
        {
            throw new CheckpointException(path, $"its safetensors header is invalid: {fault.Message}", fault);
        }
    }

    private static (Dictionary<string, Entry> Entries, Dictionary<string, string> Metadata) Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestJson });
        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        Dictionary<string, string>? metadata = null;
        Expect(ref reader, JsonTokenType.StartObject, "an object of tensors");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (entries.Count >= MostTensors) throw new InvalidDataException($"it names more than {MostTensors} tensors");
            if (name == "__metadata__")
            {
                if (metadata is not null) throw new InvalidDataException("__metadata__ stands twice");
                metadata = ParseMetadata(ref reader);
            }
            else if (!entries.TryAdd(name, ParseEntry(ref reader, name)))
            {
                throw new InvalidDataException($"tensor '{Shorten(name)}' stands twice");
            }
        }
        if (reader.Read()) throw new InvalidDataException("text follows the header's object");
        return (entries, metadata ?? []);
    }

    private static Dictionary<string, string> ParseMetadata(ref Utf8JsonReader reader)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        Expect(ref reader, JsonTokenType.StartObject, "an object of strings as __metadata__");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String, $"a string as metadata '{Shorten(key)}'");
            if (metadata.Count >= MostMetadata) throw new InvalidDataException($"__metadata__ has more than {MostMetadata} entries");
            metadata[key] = reader.GetString()!;
        }
        return metadata;
    }

    private static Entry ParseEntry(ref Utf8JsonReader reader, string name)
    {
        string? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, $"an object for tensor '{Shorten(name)}'");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            bool repeated = field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (repeated) throw new InvalidDataException($"'{field}' of tensor '{Shorten(name)}' stands twice");
            switch (field)
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String, $"a string as dtype of '{Shorten(name)}'");
                    type = reader.GetString();
                    break;
                case "shape":
                    shape = ParseNumbers(ref reader, name, field);
                    break;
                case "data_offsets":
                    offsets = ParseNumbers(ref reader, name, field);
                    break;
                default:
                    throw new InvalidDataException($"tensor '{Shorten(name)}' has an unknown field '{Shorten(field)}'");
            }
        }
        if (type is null || shape is null || offsets is null) throw new InvalidDataException($"tensor '{Shorten(name)}' lacks dtype, shape or data_offsets");
        if (offsets.Length != 2) throw new InvalidDataException($"tensor '{Shorten(name)}' has {offsets.Length} data_offsets; 2 were expected");
        if (!StoredTypes.TryBits(type, out int bits)) throw new InvalidDataException($"tensor '{Shorten(name)}' has the unknown type '{Shorten(type)}'");
        long size = checked(bits * TensorShape.Elements(shape));
        if (size % 8 != 0 || offsets[1] - offsets[0] != size / 8)
        {
            throw new InvalidDataException($"tensor '{Shorten(name)}' of type {type} and shape [{Shorten(string.Join(", ", shape))}] needs {size / 8} bytes, "
                + $"but its data_offsets are {offsets[0]} to {offsets[1]}");
        }
        return new(type, shape, offsets[0], offsets[1]);
    }

    private static long[] ParseNumbers(ref Utf8JsonReader reader, string name, string field)
    {
        Expect(ref reader, JsonTokenType.StartArray, $"an array as {field} of '{Shorten(name)}'");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
            {
                throw new InvalidDataException($"{field} of tensor '{Shorten(name)}' holds something else than numbers from 0 up");
            }
            if (numbers.Count == TensorShape.MostDimensions)
                throw new InvalidDataException($"{field} of tensor '{Shorten(name)}' has more than {TensorShape.MostDimensions} numbers");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private static void CheckCoverage(Dictionary<string, Entry> entries, long bodyLength)
    {
        long end = 0;
        foreach ((string name, Entry entry) in entries.OrderBy(pair => pair.Value.Start).ThenBy(pair => pair.Value.End))
        {
            if (entry.Start != end)
                throw new InvalidDataException(
                    $"tensor '{Shorten(name)}' starts at {entry.Start}, but the one before it ends at {end}: tensors must neither overlap nor leave gaps");
            end = entry.End;
        }
        if (end != bodyLength)
            throw new InvalidDataException(
                $"its tensors end at {end}, but {bodyLength} bytes follow the header: the file is cut off, or something was appended");
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type) throw new InvalidDataException($"{what} was expected");
    }

    private static string Shorten(string text) => text.Length <= 100 ? text : string.Concat(text.AsSpan(0, 100), "…");
}
