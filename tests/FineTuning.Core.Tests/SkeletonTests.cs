namespace FineTuning.Tests;

public sealed class SkeletonTests
{
    [Xunit.Fact]
    public void The_library_is_named_as_its_package() =>
        Xunit.Assert.Equal("FineTuning.Core", typeof(FineTuning.Errors.FineTuningException).Assembly.GetName().Name);
}
