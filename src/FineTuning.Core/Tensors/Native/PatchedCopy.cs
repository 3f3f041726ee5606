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

    /// <summary>The path of the copy, made if it is not there yet, in the first folder where it can be written and loaded.</summary>
    /// <param name="original">TorchSharp's library.</param>
    /// <param name="missingVersion">What the system's libstdc++ lacks.</param>
    /// <param name="load">Loads the copy. Null: it did, else why it did not (a folder that is mounted noexec).</param>
    /// <exception cref="NativeRuntimeException">The library really needs what is missing, or no copy can be written and loaded.</exception>
    public static string Make(string original, string missingVersion, Func<string, string?> load) => Make(original, missingVersion, load, Folders());

    /// <summary>The same, in folders of the caller's choice.</summary>
    internal static string Make(string original, string missingVersion, Func<string, string?> load, IEnumerable<string> folders)
    {
        if (new FileInfo(original).Length > LargestFile)
        {
            throw new NativeRuntimeException($"{original} is larger than any known build of TorchSharp's library; it is left alone");
        }
        byte[] bytes = File.ReadAllBytes(original);
        string name = $"{Path.GetFileNameWithoutExtension(original)}-{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}-{missingVersion}";
        Weaken(bytes, original, missingVersion);
        byte[] expected = SHA256.HashData(bytes);

        var refusals = new List<string>();
        foreach (string folder in folders)
        {
            try
            {
                string copy = PrivateFolder.Write(folder, name, Path.GetFileName(original), bytes, expected);
                if (load(copy) is not { } reason) return copy;
                refusals.Add($"{copy}: {reason}");
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                refusals.Add($"{folder}: {failure.Message}");
            }
        }
        throw new NativeRuntimeException(
            $"this system's libstdc++ lacks {missingVersion}, and no adapted copy of {Path.GetFileName(original)} can be written and loaded " +
            $"({string.Join("; ", refusals)}). Set XDG_CACHE_HOME to a folder that is your own, writable and not mounted noexec, "
            + "or install GCC 13's libstdc++ or newer.");
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
        if (need is null)
        {
            throw new NativeRuntimeException($"{original} does not itself ask for {missingVersion}, which this system's libstdc++ lacks: {advice}");
        }
        string[] others = [.. need.Symbols.Where(symbol => symbol != Marker)];
        if (others.Length > 0)
        {
            throw new NativeRuntimeException($"{original} needs {others[0]} of {missingVersion}, which this system's libstdc++ lacks: {advice}");
        }
        Span<byte> flags = bytes.AsSpan((int)need.FlagsOffset, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | ElfVersions.WeakFlag));
    }

    private static IEnumerable<string> Folders()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        // A relative path is invalid by the specification of that variable, and would depend on where the process stands.
        if (Path.IsPathFullyQualified(cache ?? "")) yield return Path.Combine(cache!, "finetuning.core");
        if (Path.IsPathFullyQualified(home)) yield return Path.Combine(home, ".cache", "finetuning.core");
        // All users write there: the name holds the user's number, and the owner of the folder is checked.
        yield return Path.Combine(Path.GetTempPath(), $"finetuning.core-{Posix.User}");
    }
}
