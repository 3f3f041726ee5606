namespace FineTuning.Models;

/// <summary>How much room kept states may take, and how much they take.</summary>
internal sealed class StateBudget
{
    /// <summary>The most bytes in memory.</summary>
    public long Memory { get; set; }

    /// <summary>The most bytes in files.</summary>
    public long Disk { get; set; }

    /// <summary>Where the files are.</summary>
    public string Folder { get; set; } = "";

    /// <summary>Bytes in memory now.</summary>
    public long UsedMemory { get; private set; }

    /// <summary>Bytes in files now.</summary>
    public long UsedDisk { get; private set; }

    /// <summary>Bytes that there is room for.</summary>
    public long Room => Math.Max(0, Memory - UsedMemory) + Math.Max(0, Disk - UsedDisk);

    /// <summary>Takes room in memory; false where there is not enough.</summary>
    public bool TryTakeMemory(long bytes)
    {
        if (UsedMemory + bytes > Memory) return false;
        UsedMemory += bytes;
        return true;
    }

    /// <summary>Takes room on the disk; false where there is not enough.</summary>
    public bool TryTakeDisk(long bytes)
    {
        if (UsedDisk + bytes > Disk) return false;
        UsedDisk += bytes;
        return true;
    }

    /// <summary>Gives room back.</summary>
    public void Return(long memory, long disk) => (UsedMemory, UsedDisk) = (UsedMemory - memory, UsedDisk - disk);
}
