using System.Reflection;
using FineTuning.Tasks;
using FineTuning.Training;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>A view says something of its own on every virtual member of a model: a default in its place would be wrong in silence.</summary>
public sealed class ModelViewTests
{
    private const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    [Theory]
    [InlineData(typeof(ModelView))]
    [InlineData(typeof(AugmentedModel<>))]
    public void Every_virtual_member_is_overridden(Type view)
    {
        MethodInfo[] methods = view.GetMethods(Instance);
        Assert.Contains(methods, method => method.Name == nameof(TunableModel.SumLoss) && method.DeclaringType == view);
        string[] inherited = [.. methods.Where(method => method.IsVirtual && !method.IsFinal && method.DeclaringType!.Namespace == typeof(TunableModel).Namespace
                && method.DeclaringType != view).Select(method => method.ToString()!)];
        Assert.Empty(inherited);
    }
}
