using System.Buffers.Binary;
using System.Text;
using FineTuning.Errors;

namespace FineTuning.Text;

/// <summary>What a piece of a SentencePiece model is, by the numbers of its format.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A SentencePiece model (Kudo and Richardson 2018): the parts of its protocol buffer that tokenizing needs, read within bounds.</summary>
internal sealed record SentencePieceFile(IReadOnlyList<(string Text, double Score, PieceKind Kind)> Pieces, bool IsUnigram, int UnknownId,
    string UnknownPiece, byte[] Charsmap)
{
    private const int MostPieces = 4_000_000;

    /// <exception cref="CheckpointException">The file is no such model, damaged, or of a kind that is not supported.</exception>
    public static SentencePieceFile Parse(ReadOnlyMemory<byte> contents, string path)
    {
        var pieces = new List<(string Text, double Score, PieceKind Kind)>();
        int type = 1, unknown = 0;
        string unknownPiece = "<unk>";
        byte[] charsmap = [];
        foreach (Field field in Fields(contents, path))
        {
            if (field.Number == 1)
            {
                if (pieces.Count >= MostPieces) throw new CheckpointException(path, $"it has more than {MostPieces} pieces");
                pieces.Add(Piece(field.Bytes, path));
            }
            else if (field.Number == 2)
            {
                foreach (Field setting in Fields(field.Bytes, path))
                {
                    if (setting.Number == 3) type = (int)setting.Value;
                    else if (setting.Number == 40) unknown = (int)setting.Value;
                    else if (setting.Number == 45) unknownPiece = Encoding.UTF8.GetString(setting.Bytes.Span);
                }
            }
            else if (field.Number == 3)
            {
                foreach (Field setting in Fields(field.Bytes, path)) if (setting.Number == 2) charsmap = setting.Bytes.ToArray();
            }
        }
        if (pieces.Count == 0) throw new CheckpointException(path, "it holds no pieces; a SentencePiece model was expected");
        if (type is not (1 or 2)) throw new CheckpointException(path, $"its model type is {type}, which is not supported; unigram (1) and byte pairs (2) are");
        return new(pieces, type == 1, unknown, unknownPiece, charsmap);
    }

    private static (string Text, double Score, PieceKind Kind) Piece(ReadOnlyMemory<byte> bytes, string path)
    {
        (string text, double score, PieceKind kind) = ("", 0, PieceKind.Normal);
        foreach (Field field in Fields(bytes, path))
        {
            if (field.Number == 1) text = Encoding.UTF8.GetString(field.Bytes.Span);
            else if (field.Number == 2) score = BitConverter.Int32BitsToSingle((int)field.Value);
            else if (field.Number == 3) kind = (PieceKind)(int)field.Value;
        }
        return (text, score, kind);
    }

    private static IEnumerable<Field> Fields(ReadOnlyMemory<byte> message, string path)
    {
        for (int at = 0; at < message.Length;)
        {
            ulong key = Number(message, ref at, path);
            (int number, int wire) = ((int)(key >> 3), (int)(key & 7));
            switch (wire)
            {
                case 0:
                    yield return new(number, Number(message, ref at, path), default);
                    break;
                case 1:
                    yield return new(number, BinaryPrimitives.ReadUInt64LittleEndian(Take(message, ref at, 8, path).Span), default);
                    break;
                case 2:
                    ulong length = Number(message, ref at, path);
                    yield return new(number, 0, Take(message, ref at, length, path));
                    break;
                case 5:
                    yield return new(number, BinaryPrimitives.ReadUInt32LittleEndian(Take(message, ref at, 4, path).Span), default);
                    break;
                default:
                    throw new CheckpointException(path, "it is no SentencePiece model, or damaged");
            }
        }
    }

    private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> message, ref int at, ulong length, string path)
    {
        if (length > (ulong)(message.Length - at)) throw new CheckpointException(path, "it is no SentencePiece model, or ends too early");
        at += (int)length;
        return message.Slice(at - (int)length, (int)length);
    }

    private static ulong Number(ReadOnlyMemory<byte> message, ref int at, string path)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (at >= message.Length) throw new CheckpointException(path, "it is no SentencePiece model, or ends too early");
            byte part = message.Span[at++];
            value |= (ulong)(part & 127) << shift;
            if (part < 128) return value;
        }
        throw new CheckpointException(path, "it is no SentencePiece model, or damaged");
    }

    private readonly record struct Field(int Number, ulong Value, ReadOnlyMemory<byte> Bytes);
}
