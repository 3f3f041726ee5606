using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using FineTuning.Errors;
using TorchSharp;

namespace FineTuning.Tensors;

/// <summary>Loads libtorch and TorchSharp's native library before TorchSharp itself looks for them, so that a failure is said in plain words.</summary>
internal static partial class NativeLoader
{
    /// <summary>What was done, for <see cref="FineTuningRuntime.Diagnose"/>.</summary>
    public sealed record Outcome(string? Folder, string? PatchedCopy, string Summary);

    /// <exception cref="NativeRuntimeException">Something is missing; the message says what to install.</exception>
    public static Outcome Load()
    {
        if (!OperatingSystem.IsLinux()) return new(null, null, "loaded by TorchSharp");
        if (FindFolders() is not { } folders) throw Missing();
        // The order matters: each library finds those it needs among the ones already loaded, by their soname.
        foreach (string pattern in new[] { "libgomp*", "libc10.so", "libtorch_cpu.so", "libtorch.so" })
        {
            foreach (string library in Directory.EnumerateFiles(folders.Torch, pattern)) LoadOrExplain(library);
        }
        string bridge = Path.Combine(folders.Bridge, "libLibTorchSharp.so");
        if (NativeLibrary.TryLoad(bridge, out _)) return new(folders.Torch, null, $"libtorch and TorchSharp's library loaded from {folders.Torch}");
        string reason = ReasonOf(bridge);
        Match version = MissingVersion().Match(reason);
        if (!version.Success) throw Explained(bridge, reason);
        string copy = PatchedCopy.Make(bridge, version.Groups[1].Value, copy => NativeLibrary.TryLoad(copy, out _) ? null : ReasonOf(copy));
        return new(folders.Torch, copy, $"this system's libstdc++ lacks {version.Groups[1].Value}: "
            + $"an adapted copy of TorchSharp's library was loaded from {copy}");
    }

    private static (string Torch, string Bridge)? FindFolders()
    {
        string identifier = $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        string application = AppContext.BaseDirectory;
        var candidates = new List<string> { application, Path.Combine(application, "runtimes", identifier, "native") };
        if (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string searched)
            candidates.AddRange(searched.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries));
        if (Path.GetDirectoryName(typeof(torch).Assembly.Location) is { Length: > 0 } beside)
            candidates.Add(Path.Combine(beside, "runtimes", identifier, "native"));
        candidates.AddRange(PackageFolders(identifier));
        string? torchFolder = candidates.Find(folder => File.Exists(Path.Combine(folder, "libtorch_cpu.so")));
        string? bridge = candidates.Find(folder => File.Exists(Path.Combine(folder, "libLibTorchSharp.so")));
        return torchFolder is null || bridge is null ? null : (torchFolder, bridge);
    }

    // An application that runs from its build output without copied native files (a notebook, a script) finds them in the package cache.
    private static IEnumerable<string> PackageFolders(string identifier)
    {
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string version = typeof(torch).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";
        yield return Path.Combine(cache, "torchsharp", version, "runtimes", identifier, "native");
        yield return Path.Combine(cache, $"libtorch-cpu-{identifier}", LibTorchVersion, "runtimes", identifier, "native");
    }

    private static string LibTorchVersion =>
        typeof(torch).GetField("libtorchPackageVersion", BindingFlags.NonPublic | BindingFlags.Static)?.GetRawConstantValue() as string ?? "2.10.0";

    private static void LoadOrExplain(string path)
    {
        if (!NativeLibrary.TryLoad(path, out _)) throw Explained(path, ReasonOf(path));
    }

    private static string ReasonOf(string path)
    {
        try
        {
            NativeLibrary.Load(path);
            return "";
        }
        catch (Exception failure) when (failure is DllNotFoundException or BadImageFormatException)
        {
            return failure.Message;
        }
    }

    private static NativeRuntimeException Explained(string path, string reason)
    {
        string advice = reason.Contains("libgomp", StringComparison.Ordinal) ? "Install OpenMP's runtime: apt-get install libgomp1."
            : reason.Contains("GLIBC_", StringComparison.Ordinal)
            ? "The system's C library is too old for libtorch 2.10: Debian 12, Ubuntu 22.04, RHEL 9 and later have a newer one."
            : reason.Contains("libstdc++", StringComparison.Ordinal) ? "Install the C++ runtime: apt-get install libstdc++6."
            : reason.Contains("musl", StringComparison.Ordinal) ? "libtorch is built for glibc: Alpine and other musl systems cannot load it."
            : "Check that the file is whole and made for this processor.";
        return new NativeRuntimeException($"{path} cannot be loaded: {reason} {advice}");
    }

    private static NativeRuntimeException Missing() => new(
        $"libtorch is not beside the application ({AppContext.BaseDirectory}). "
        + "This library leaves the choice of backend to the application: "
        + "add one package to its project, libtorch-cpu-linux-x64 2.10.0 (or TorchSharp-cpu) for the processor, TorchSharp-cuda-linux for an NVIDIA GPU.");

    [GeneratedRegex(@"version `(GLIBCXX_[0-9.]+)' not found", RegexOptions.CultureInvariant)]
    private static partial Regex MissingVersion();
}
