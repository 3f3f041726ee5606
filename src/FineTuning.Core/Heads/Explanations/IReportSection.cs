namespace FineTuning.Heads;

/// <summary>Something that a training report shows after its own sections.</summary>
public interface IReportSection
{
    /// <summary>Its title, as plain text.</summary>
    string Title { get; }

    /// <summary>What it shows: HTML that needs nothing from outside, in which every text is escaped.</summary>
    string ToFragment();
}
