using FineTuning.Tensors;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>The limits that containers write down, in both versions of control groups.</summary>
public sealed class MemoryLimitTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("limits").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Write(string path, string text)
    {
        string file = Path.Combine([_root, .. path.Split('/')]);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    [Fact]
    public void Without_groups_there_is_no_limit() => Assert.Null(MemoryLimit.OfGroups(_root));

    [Fact]
    public void The_second_version_counts_the_group_and_those_above()
    {
        Write("proc/self/cgroup", "0::/service/worker\n");
        Write("sys/fs/cgroup/service/worker/memory.max", "max\n");
        Assert.Null(MemoryLimit.OfGroups(_root));
        Write("sys/fs/cgroup/service/memory.max", "8589934592\n");
        Assert.Equal(8L << 30, MemoryLimit.OfGroups(_root));
        Write("sys/fs/cgroup/service/worker/memory.max", "1073741824\n");
        Assert.Equal(1L << 30, MemoryLimit.OfGroups(_root));
    }

    [Fact]
    public void A_container_that_sees_the_paths_of_its_host_finds_its_own_files()
    {
        Write("proc/self/cgroup", "0::/system.slice/docker-1234.scope\n");
        Write("sys/fs/cgroup/memory.max", "2147483648\n");
        Assert.Equal(2L << 30, MemoryLimit.OfGroups(_root));
    }

    [Fact]
    public void The_first_version_has_a_controller_of_its_own()
    {
        Write("proc/self/cgroup", "12:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/docker/1\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        Assert.Null(MemoryLimit.OfGroups(_root));
        Write("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "536870912\n");
        Assert.Equal(512L << 20, MemoryLimit.OfGroups(_root));
    }

    [Fact]
    public void The_machine_says_what_it_has_and_nonsense_is_none()
    {
        Write("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
        Assert.Equal(16384000L << 10, MemoryLimit.OfMachine(_root));
        Write("proc/meminfo", "MemTotal: much\n");
        Assert.Null(MemoryLimit.OfMachine(_root));
        Write("proc/self/cgroup", "nonsense\n0::\n0::/../..\n");
        Write("sys/fs/cgroup/memory.max", "-1\n");
        Assert.Null(MemoryLimit.OfGroups(_root));
        Assert.True(MemoryLimit.Current() > 1 << 20);
    }

    [Fact]
    public void The_address_space_has_what_its_limit_leaves()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("the limit is that of Linux");
        Assert.Null(AddressSpace.Left(_root));
        Write("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \nMax address space         unlimited            unlimited            bytes     \n");
        Write("proc/self/statm", "1000 10 5 1 0 9 0\n");
        Assert.Null(AddressSpace.Limit(_root));
        Write("proc/self/limits", "Max cpu time              5                    5                    seconds   \nMax address space         4096000000           unlimited            bytes     \n");
        Assert.Equal(4096000000, AddressSpace.Limit(_root));
        Assert.Equal(4096000000 - (1000L * Environment.SystemPageSize), AddressSpace.Left(_root));
        Write("proc/self/statm", "10000000 10 5 1 0 9 0\n");
        Assert.Equal(0, AddressSpace.Left(_root));
        Write("proc/self/statm", "");
        Assert.Null(AddressSpace.Left(_root));
    }
}
