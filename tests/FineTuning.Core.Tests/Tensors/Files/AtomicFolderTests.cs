using FineTuning.Errors;
using FineTuning.Fuzz;
using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>Saving a folder: whole or as it was, and nothing of anybody else's is lost.</summary>
public sealed class AtomicFolderTests : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("atomic").FullName;

    private string Target => Path.Combine(_parent, "model");

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    [Fact]
    public void A_folder_is_made_and_replaced_as_a_whole()
    {
        Save("1", "a.txt", "inner/b.txt");
        Save("2", "a.txt", "c.txt");
        Assert.Equal(["a.txt", "c.txt", "finetuning_files.json"], Entries(Target));
        Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a.txt")));
        Assert.Equal(["model"], Entries(_parent));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    [InlineData(".git/HEAD")]
    [InlineData("photo.jpg")]
    public void What_this_library_did_not_save_is_refused_by_name_and_stays(string name)
    {
        string file = Path.Combine(Target, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "precious");
        Assert.Contains(name.Split('/')[0], Assert.Throws<IOException>(() => Save("1", "a.txt")).Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(file));
        Assert.Equal(["model"], Entries(_parent));
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("inner/notes.txt")]
    [InlineData(".git/HEAD")]
    [InlineData("a.txt2")]
    public void What_was_put_into_a_saved_folder_is_refused_and_stays(string name)
    {
        Save("1", "a.txt", "inner/b.txt");
        string file = Path.Combine(Target, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, "precious");
        Assert.Throws<IOException>(() => Save("2", "a.txt"));
        Assert.Equal("precious", File.ReadAllText(file));
        Assert.Equal("1", File.ReadAllText(Path.Combine(Target, "a.txt")));
        File.Delete(file);
        if (name.StartsWith(".git", StringComparison.Ordinal)) Directory.Delete(Path.GetDirectoryName(file)!);
        Save("2", "a.txt");
        Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a.txt")));
    }

    [Fact]
    public void A_file_that_arrives_while_the_save_is_prepared_is_refused_too()
    {
        Save("1", "a.txt");
        Assert.Throws<IOException>(() => AtomicFolder.Write(Target, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "a.txt"), "2");
            File.WriteAllText(Path.Combine(Target, "late.txt"), "precious");
        }));
        Assert.Equal(["a.txt", "finetuning_files.json", "late.txt"], Entries(Target));
        Assert.Equal("1", File.ReadAllText(Path.Combine(Target, "a.txt")));
    }

    [Fact]
    public void A_save_that_fails_leaves_the_folder_and_nothing_else()
    {
        Save("1", "a.txt");
        Assert.Throws<InvalidDataException>(() => AtomicFolder.Write(Target, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "a.txt"), "2");
            throw new InvalidDataException();
        }));
        Assert.Equal("1", File.ReadAllText(Path.Combine(Target, "a.txt")));
        Assert.Equal(["model"], Entries(_parent));
    }

    [Fact]
    public void A_link_stays_and_leads_to_what_was_saved()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        Directory.CreateDirectory(Path.Combine(_parent, "real"));
        Directory.CreateSymbolicLink(Target, Path.Combine(_parent, "real"));
        Save("1", "a.txt");
        Assert.NotNull(new DirectoryInfo(Target).LinkTarget);
        Assert.Equal("1", File.ReadAllText(Path.Combine(_parent, "real", "a.txt")));
        File.CreateSymbolicLink(Path.Combine(_parent, "loop"), Path.Combine(_parent, "loop"));
        Assert.Throws<IOException>(() => AtomicFolder.Write(Path.Combine(_parent, "loop"), _ => { }));
    }

    [Fact]
    public void Private_folders_stay_private_and_a_file_is_no_folder()
    {
        File.WriteAllText(Path.Combine(_parent, "file"), "precious");
        Assert.Throws<IOException>(() => AtomicFolder.Write(Path.Combine(_parent, "file"), _ => { }));
        if (OperatingSystem.IsWindows()) return;
        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(Target, mine);
        Save("1", "a.txt");
        Assert.Equal(mine, File.GetUnixFileMode(Target));
    }

    [Fact]
    public void Leftovers_of_killed_saves_are_cleared_away_and_only_those()
    {
        Save("1", "a.txt");
        string dead = Leftover("model"), alien = Path.Combine(_parent, $".finetuning-save-{Guid.NewGuid():N}"), other = Path.Combine(_parent, "model.0123.new");
        File.WriteAllText(Path.Combine(dead, "half.txt"), "half");
        string empty = Path.Combine(_parent, $".finetuning-save-{Guid.NewGuid():N}"), unsaid = Path.Combine(_parent, $".finetuning-save-{Guid.NewGuid():N}");
        foreach (string folder in new[] { empty, unsaid }) Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(unsaid, "save.marker"), "");
        foreach (string folder in new[] { alien, other }) File.WriteAllText(Path.Combine(Directory.CreateDirectory(folder).FullName, "precious.txt"), "precious");
        using (SavingFolder alive = SavingFolder.Create(_parent, "model"))
        {
            Save("2", "a.txt");
            Assert.False(Directory.Exists(Path.GetDirectoryName(dead)));
            Assert.All(new[] { empty, unsaid }, folder => Assert.False(Directory.Exists(folder)));
            Assert.True(File.Exists(Path.Combine(alien, "precious.txt")));
            Assert.True(File.Exists(Path.Combine(other, "precious.txt")));
            Assert.True(Directory.Exists(alive.Root));
        }
    }

    /// <summary>Where names cannot be exchanged in one step, a process may be killed between two renames: the next save finds what was there.</summary>
    [Fact]
    public void What_a_kill_between_two_renames_hid_comes_back()
    {
        Save("1", "a.txt");
        string model = Leftover("model"), previous = Path.Combine(Path.GetDirectoryName(model)!, "previous");
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(model)!, "exchanging"), "");
        Directory.Move(Target, previous);
        SavingFolder.Sweep(_parent);
        Assert.Equal("1", File.ReadAllText(Path.Combine(Target, "a.txt")));
        Assert.Equal(["model"], Entries(_parent));
    }

    [Fact]
    public void A_folder_that_cannot_be_exchanged_is_filled_from_inside()
    {
        Save("1", "a.txt", "inner/b.txt");
        AtomicFolder.WriteInside(Target, Target, folder => Fill(folder, "2", "a.txt", "c.txt"));
        Assert.Equal(["a.txt", "c.txt", "finetuning_files.json"], Entries(Target));
        Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a.txt")));
        File.WriteAllText(Path.Combine(Target, "notes.txt"), "precious");
        Assert.Throws<IOException>(() => AtomicFolder.WriteInside(Target, Target, folder => Fill(folder, "3", "a.txt")));
        Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a.txt")));
    }

    [Fact]
    public void A_save_inside_its_target_that_was_killed_on_the_way_is_not_read_but_finished()
    {
        AtomicFolder.Write(Target, folder => TinyCheckpoint.Write(folder, 1));
        string saving = Path.GetDirectoryName(Leftover(".", Target))!, model = Path.Combine(saving, "model");
        TinyCheckpoint.Write(model, 2);
        SavedFiles.Write(model);
        File.WriteAllText(Path.Combine(saving, "committed"), "");
        File.Move(Path.Combine(model, "config.json"), Path.Combine(Target, "config.json"), overwrite: true);
        Assert.Contains("interrupted", Assert.Throws<CheckpointException>(() => TinyCheckpoint.NumberOf(Target)).Message, StringComparison.Ordinal);
        SavingFolder.Sweep(Target);
        Assert.Equal(2, TinyCheckpoint.NumberOf(Target));
        Assert.DoesNotContain(Entries(Target), name => name.StartsWith('.'));
    }

    [Fact]
    public void A_mounted_folder_is_filled_too()
    {
        string mount = Path.Combine(_parent, "mounted");
        Directory.CreateDirectory(mount);
        if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", "size=1m", "none", mount) != 0) Assert.Skip("mounting needs a privilege");
        try
        {
            AtomicFolder.Write(mount, folder => Fill(folder, "1", "a.txt"));
            AtomicFolder.Write(mount, folder => Fill(folder, "2", "a.txt"));
            Assert.Equal(["a.txt", "finetuning_files.json"], Entries(mount));
            Assert.Equal("2", File.ReadAllText(Path.Combine(mount, "a.txt")));
            // A full disk: the folder is as it was, and nothing is left behind.
            Assert.ThrowsAny<IOException>(() => AtomicFolder.Write(mount, folder => File.WriteAllBytes(Path.Combine(folder, "a.txt"), new byte[2 << 20])));
            Assert.Equal(["a.txt", "finetuning_files.json"], Entries(mount));
            Assert.Equal("2", File.ReadAllText(Path.Combine(mount, "a.txt")));
        }
        finally
        {
            Run("umount", mount);
        }
    }

    [Fact]
    public void A_folder_in_a_parent_that_cannot_be_written_is_filled_too()
    {
        Save("1", "a.txt");
        if (!OperatingSystem.IsLinux() || Run("chattr", "+i", _parent) != 0) Assert.Skip("making a folder immutable needs a privilege");
        try
        {
            Save("2", "a.txt", "b.txt");
            Assert.Equal(["a.txt", "b.txt", "finetuning_files.json"], Entries(Target));
            Assert.Equal("2", File.ReadAllText(Path.Combine(Target, "a.txt")));
            Assert.Throws<IOException>(() => AtomicFolder.Write(Path.Combine(_parent, "other"), folder => Fill(folder, "1", "a.txt")));
        }
        finally
        {
            Run("chattr", "-i", _parent);
        }
    }

    [Fact]
    public void Processes_that_are_killed_while_they_save_leave_one_whole_model()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals");
        Assert.Equal(10, KillTest.Run(10, seed: 3).Kills);
    }

    private static int Run(string program, params string[] words)
    {
        try
        {
            using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, words) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }

    private static void Fill(string folder, string text, params string[] files)
    {
        foreach (string file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, file))!);
            File.WriteAllText(Path.Combine(folder, file), text);
        }
    }

    private static string[] Entries(string folder) => [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];

    // As a killed process leaves it: the marker is there, and nobody holds it.
    private string Leftover(string target, string? parent = null)
    {
        string folder = Path.Combine(parent ?? _parent, $".finetuning-save-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path.Combine(folder, "model"));
        File.WriteAllText(Path.Combine(folder, "save.marker"), $"FineTuning.Core prepares a save here\n{target}\n");
        return Path.Combine(folder, "model");
    }

    private void Save(string text, params string[] files) => AtomicFolder.Write(Target, folder => Fill(folder, text, files));
}
