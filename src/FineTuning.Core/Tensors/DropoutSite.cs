namespace FineTuning.Tensors;

/// <summary>The points of a layer where elements are dropped; each draws a mask of its own.</summary>
internal static class DropoutSite
{
    public const int Embedding = 0;
    public const int Attention = 1;
    public const int AttentionOutput = 2;
    public const int Cross = 3;
    public const int CrossOutput = 4;
    public const int Inner = 5;
    public const int Output = 6;
    public const int RelativePositions = 7;
    public const int Convolution = 8;
    public const int FinalNorm = 9;
    public const int HeadInput = 10;
    public const int HeadOutput = 11;

    private const int FirstOfNames = 1 << 16;

    /// <summary>The site of what is known by a name, for example an adapter by its module's path: the same in every process.</summary>
    public static int Of(string name)
    {
        // FNV-1a (Fowler, Noll and Vo 1991).
        uint hash = 2166136261;
        foreach (char letter in name) hash = (hash ^ letter) * 16777619;
        return FirstOfNames + (int)(hash & 0x3FFFFFFF);
    }
}
