using System.Buffers.Binary;
using System.Security.Cryptography;
using FineTuning.Errors;

namespace FineTuning.Tensors;

/// <summary>
/// A private copy of TorchSharp's native library in which one version need is weak. TorchSharp 0.107 is linked against GCC 13's libstdc++ and asks for
/// GLIBCXX_3.4.32, of which it uses only a marker symbol that nothing refers to; Debian 12, Ubuntu 22.04 and RHEL 9 have an older one and would refuse it.
/// </summary>
internal static class PatchedCopy
{
    private const string Marker = "_ZSt21ios_base_library_initv";
    private const long LargestFile = 256L << 20;

    /// <summary>The path of the copy, made if it is not there yet.</summary>
    /// <exception cref="NativeRuntimeException">The library really needs what is missing, or no copy can be written.</exception>
    public static string Make(string original, string missingVersion)
    {
        if (new FileInfo(original).Length > LargestFile) throw new NativeRuntimeException($"{original} is larger than any known build of TorchSharp's library; it is left alone");
        byte[] bytes = File.ReadAllBytes(original);
        string name = $"{Path.GetFileNameWithoutExtension(original)}-{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}-{missingVersion}";
        Weaken(bytes, original, missingVersion);
        byte[] expected = SHA256.HashData(bytes);

        var refusals = new List<string>();
        foreach (string folder in Folders())
        {
            try
            {
                return Place(folder, name, Path.GetFileName(original), bytes, expected);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                refusals.Add($"{folder}: {failure.Message}");
            }
        }
        throw new NativeRuntimeException(
            $"this system's libstdc++ lacks {missingVersion}, and no folder can be written for an adapted copy of {Path.GetFileName(original)} " +
            $"({string.Join("; ", refusals)}). Set XDG_CACHE_HOME to a writable folder, or install GCC 13's libstdc++ or newer.");
    }

    private static void Weaken(byte[] bytes, string original, string missingVersion)
    {
        VersionNeed? need;
        try
        {
            need = ElfVersions.Read(bytes).FirstOrDefault(need => need.Version == missingVersion);
        }
        catch (InvalidDataException damage)
        {
            throw new NativeRuntimeException($"{original}: {damage.Message}", damage);
        }
        string advice = "install GCC 13's libstdc++ or newer (Debian 13, Ubuntu 24.04 and later have it)";
        if (need is null) throw new NativeRuntimeException($"{original} does not itself ask for {missingVersion}, which this system's libstdc++ lacks: {advice}");
        string[] others = [.. need.Symbols.Where(symbol => symbol != Marker)];
        if (others.Length > 0) throw new NativeRuntimeException($"{original} needs {others[0]} of {missingVersion}, which this system's libstdc++ lacks: {advice}");
        Span<byte> flags = bytes.AsSpan((int)need.FlagsOffset, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | ElfVersions.WeakFlag));
    }

    private static IEnumerable<string> Folders()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (!string.IsNullOrEmpty(cache)) yield return Path.Combine(cache, "finetuning.core");
        if (!string.IsNullOrEmpty(home)) yield return Path.Combine(home, ".cache", "finetuning.core");
        yield return Path.Combine(Path.GetTempPath(), $"finetuning.core-{Environment.UserName}");
    }

    // Written under another name and renamed: processes that start together each find a whole file, whoever wins. What is found is never trusted unread.
    private static string Place(string folder, string name, string fileName, byte[] bytes, byte[] expected)
    {
        string home = Path.Combine(folder, name);
        string copy = Path.Combine(home, fileName);
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(home);
        else Directory.CreateDirectory(home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsWhole(copy, expected)) return copy;
        string fresh = $"{copy}.{Guid.NewGuid():N}";
        using (var stream = new FileStream(fresh, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        File.Move(fresh, copy, overwrite: true);
        return IsWhole(copy, expected) ? copy : throw new IOException("the copy was changed while it was written");
    }

    private static bool IsWhole(string path, byte[] expected)
    {
        if (!File.Exists(path) || new FileInfo(path) is not { LinkTarget: null, Length: <= LargestFile }) return false;
        using FileStream stream = File.OpenRead(path);
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(stream), expected);
    }
}
