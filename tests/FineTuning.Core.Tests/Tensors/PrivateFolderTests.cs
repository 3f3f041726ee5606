using System.Diagnostics;
using System.Security.Cryptography;
using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>The private copy of native code: own user and mode only, whole or absent, and the next folder where one does not serve.</summary>
public sealed class PrivateFolderTests : IDisposable
{
    private const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private static readonly byte[] Contents = [1, 2, 3];

    private readonly string _root = Directory.CreateTempSubdirectory("private").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Folder_and_file_are_the_users_alone()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Linux");
            return;
        }
        string path = Write("cache");
        Assert.Equal(Mine, File.GetUnixFileMode(Path.Combine(_root, "cache")));
        Assert.Equal(Mine, File.GetUnixFileMode(Path.GetDirectoryName(path)!));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(path, Write("cache"));
        File.WriteAllBytes(path, [9]);
        Assert.Equal(Contents, File.ReadAllBytes(Write("cache")));
    }

    [Fact]
    public void What_others_can_write_is_not_used()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Linux");
            return;
        }
        string open = Path.Combine(_root, "open");
        Directory.CreateDirectory(open);
        File.SetUnixFileMode(open, Mine | UnixFileMode.OtherWrite);
        Assert.Throws<IOException>(() => Write("open"));
        Directory.CreateSymbolicLink(Path.Combine(_root, "link"), open);
        Assert.Throws<IOException>(() => Write("link"));
        string path = Write("cache");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupWrite);
        Assert.Throws<IOException>(() => Write("cache"));
    }

    [Fact]
    public void Where_a_copy_cannot_be_loaded_the_next_folder_is_tried_and_all_reasons_are_said()
    {
        string? library = Directory.EnumerateFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault();
        Assert.SkipWhen(library is null || !OperatingSystem.IsLinux(), "libLibTorchSharp.so is not beside the tests");
        string version = ElfVersions.Read(File.ReadAllBytes(library!)).First(need => need.Symbols is ["_ZSt21ios_base_library_initv"]).Version;
        string[] folders = [Path.Combine(_root, "first"), "/proc/nowhere", Path.Combine(_root, "second")];
        string copy = PatchedCopy.Make(library!, version, path => path.Contains("second", StringComparison.Ordinal) ? null : "failed to map segment", folders);
        Assert.StartsWith(folders[2], copy, StringComparison.Ordinal);
        string message = Assert.Throws<NativeRuntimeException>(() => PatchedCopy.Make(library!, version, _ => "failed to map segment", folders)).Message;
        Assert.Contains("failed to map segment", message, StringComparison.Ordinal);
        Assert.Contains("noexec", message, StringComparison.Ordinal);
        Assert.All(folders, folder => Assert.Contains(folder, message, StringComparison.Ordinal));
    }

    /// <summary>Nothing has asked for the native library when a task of one's own makes its first module.</summary>
    [Fact]
    public void A_task_of_ones_own_may_be_the_first_code_of_a_process()
    {
        using Process process = Supervisor.Child(["first"]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private string Write(string folder) => PrivateFolder.Write(Path.Combine(_root, folder), "name", "library.so", Contents, SHA256.HashData(Contents));
}
