namespace FineTuning.Tensors;

/// <summary>Recognizes by its first bytes what stands instead of a checkpoint's file: a pointer, a page, another format.</summary>
internal static class KnownContents
{
    /// <summary>How many bytes suffice.</summary>
    public const int Length = 512;

    private const string Download = "download the file itself";
    private const string Convert = "open it where it was made and save it as safetensors (model.save_pretrained)";

    /// <summary>What the bytes are, and what to do. Null: nothing known.</summary>
    public static string? Of(ReadOnlySpan<byte> start)
    {
        if (start.Length == 0) return $"it is empty: a download that failed; {Download}";
        if (start.StartsWith("version https://git-lfs"u8))
            return "it is a Git LFS pointer, not the file it stands for; run 'git lfs pull', or download the file itself";
        ReadOnlySpan<byte> text = start.TrimStart("\u00EF\u00BB\u00BF \t\r\n"u8);
        if (Begins(text, "<!doctype html"u8) || Begins(text, "<html"u8)) return $"it is a web page (an error page, or one that asks to log in); {Download}";
        if (text.StartsWith("<?xml"u8)) return $"it is an XML document, such as a storage service answers with; {Download}";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]))
        {
            return "it was written by torch.save before version 1.6, or in the format of that time; "
                + "load it in torch 1.6 or later and save it again, as safetensors if possible";
        }
        if (start.Length > 262 && start[257..].StartsWith("ustar"u8))
            return $"it is a tar archive, as torch.save wrote before version 0.1.11 or as a download comes packed; unpack it, or {Convert}";
        if (start.StartsWith("GGUF"u8)) return $"it is a GGUF file; {Convert}";
        if (start.StartsWith("\u0089HDF\r\n"u8) || start.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'H', (byte)'D', (byte)'F']))
            return $"it is an HDF5 file, as TensorFlow and Keras write; {Convert}";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])) return "it is packed by gzip; unpack it";
        return start.IndexOfAnyExcept((byte)0) < 0 && start.Length == Length ? $"it begins with zeros only: a download that was cut off; {Download}" : null;
    }

    /// <summary>What the bytes are where a pickle in a zip archive was expected. Null: nothing known.</summary>
    public static string? OfPickle(ReadOnlySpan<byte> start) => Of(start)
        ?? (IsSafetensors(start) ? "it is a safetensors file; call it model.safetensors"
            : start[0] == 0x80 ? "it is a bare pickle, which executes code when it is loaded; where it holds weights, save them as safetensors" : null);

    /// <summary>What the bytes are where safetensors were expected. Null: nothing known.</summary>
    public static string? OfSafetensors(ReadOnlySpan<byte> start) => IsSafetensors(start) ? null : Of(start)
        ?? (start.StartsWith("PK\u0003\u0004"u8) ? "it is a zip archive, perhaps of torch.save; call it pytorch_model.bin"
            : start[0] == 0x80 && start.Length > 1 && start[1] is >= 2 and <= 5 ? "it is a pickle; call it pytorch_model.bin" : null);

    // A length below 2^32, then the header's object: by chance, the length's own bytes may spell anything.
    private static bool IsSafetensors(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[8] is (byte)'{' or (byte)' ' && start[4..8].IndexOfAnyExcept((byte)0) < 0;

    private static bool Begins(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word)
    {
        if (text.Length < word.Length) return false;
        for (int i = 0; i < word.Length; i++)
        {
            if ((text[i] | 0x20) != (word[i] | 0x20)) return false;
        }
        return true;
    }
}
