using FineTuning.Tensors;
using Mono.Cecil;
using TorchSharp;
using Xunit;

namespace FineTuning.Tests.Tensors;

/// <summary>
/// The library calls nothing of TorchSharp that makes a native number in passing: the collector may free such a number while the operation reads it. The build bans the members that were
/// found so far; this looks at every one that is called, whatever TorchSharp's next version does.
/// </summary>
public sealed class HeldNumbersTests
{
    // They make numbers and hold them.
    private static readonly string[] Holders = [typeof(Scalars).FullName!, typeof(Kernels).FullName!];

    [Fact]
    public void Nothing_is_called_that_makes_a_number_in_passing()
    {
        using ModuleDefinition torchSharp = ModuleDefinition.ReadModule(typeof(torch).Assembly.Location), library = ModuleDefinition.ReadModule(typeof(Scalars).Assembly.Location);
        HashSet<string> makers = Makers(torchSharp);
        Assert.Contains(makers, name => name.Contains("Tensor::square()", StringComparison.Ordinal));
        IEnumerable<string> found = from method in Methods(library)
                                    where !Holders.Contains(method.DeclaringType.FullName)
                                    from called in Called(method)
                                    where makers.Contains(called)
                                    select $"{method.FullName} calls {called}";
        Assert.Empty(found);
    }

    // Members that turn a number into a scalar, and those that call such a member.
    private static HashSet<string> Makers(ModuleDefinition module)
    {
        Dictionary<string, string[]> calls = Methods(module).GroupBy(method => method.FullName).ToDictionary(group => group.Key, group => group.SelectMany(Called).Distinct().ToArray());
        HashSet<string> makers = [.. calls.Keys.Where(name => name.Contains("TorchSharp.Scalar::op_Implicit", StringComparison.Ordinal) || name.Contains("TorchSharp.Scalar::.ctor", StringComparison.Ordinal))];
        int before;
        do
        {
            before = makers.Count;
            foreach ((string name, string[] called) in calls) if (called.Any(makers.Contains)) makers.Add(name);
        }
        while (makers.Count > before);
        return makers;
    }

    private static IEnumerable<MethodDefinition> Methods(ModuleDefinition module) => module.GetTypes().SelectMany(type => type.Methods).Where(method => method.HasBody);

    private static IEnumerable<string> Called(MethodDefinition method) =>
        method.Body.Instructions.Select(instruction => instruction.Operand).OfType<MethodReference>().Select(called => called.GetElementMethod().FullName);
}
