using System.Reflection;
using System.Runtime.CompilerServices;
using FineTuning.Extensions.AI;
using FineTuning.Extensions.Hosting;
using FineTuning.Testing;
using Xunit;

namespace FineTuning.Extensions.Tests;

/// <summary>Satellites stand on the public surface of the library and on the packages of their field.</summary>
public sealed class SatelliteTests
{
    private static readonly string[] Common = ["FineTuning.Core", "FineTuning.Text", "TorchSharp"];

    private static readonly Dictionary<Type, string[]> Satellites = new()
    {
        [typeof(FineTuneAssert)] = [],
        [typeof(ModelTraining)] = ["Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Hosting.Abstractions", "Microsoft.Extensions.Diagnostics.HealthChecks",
            "Microsoft.Extensions.Diagnostics.HealthChecks.Abstractions", "Microsoft.Extensions.Options"],
        [typeof(ChatModelClient)] = ["Microsoft.Extensions.AI.Abstractions"],
    };

    [Fact]
    public void They_reference_no_other_package() => Assert.All(Satellites, satellite => Assert.Empty(
        satellite.Key.Assembly.GetReferencedAssemblies().Select(name => name.Name!).Where(name => !name.StartsWith("System", StringComparison.Ordinal)).Except(Common).Except(satellite.Value)));

    [Fact]
    public void They_see_no_internals()
    {
        string[] friends = [.. new[] { typeof(FineTuner), typeof(Text.PretrainedTokenizer) }.SelectMany(type => type.Assembly.GetCustomAttributes<InternalsVisibleToAttribute>()).Select(friend => friend.AssemblyName)];
        Assert.NotEmpty(friends);
        Assert.Empty(friends.Intersect(Satellites.Keys.Select(type => type.Assembly.GetName().Name)));
    }
}
