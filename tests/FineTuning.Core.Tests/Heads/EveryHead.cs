using System.Reflection;
using FineTuning.Fuzz;
using FineTuning.Heads;
using FineTuning.Tasks;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>The heads and the similarity losses that there are, found by reflection: a new one is in every test over all of them.</summary>
internal static class EveryHead
{
    /// <summary>The names of the public models.</summary>
    public static TheoryData<string> Names() => [.. typeof(Pretrained).Assembly.GetExportedTypes()
        .Where(type => !type.IsAbstract && typeof(TunableModel).IsAssignableFrom(type)).Select(type => type.Name)];

    /// <summary>The names of the losses over texts.</summary>
    public static TheoryData<string> Losses() => [.. typeof(SimilarityLoss).GetMethods(BindingFlags.Public | BindingFlags.Static)
        .Where(method => !method.IsSpecialName).Select(method => method.Name)];

    /// <summary>A model of that name; the samples dispose it.</summary>
    public static TunableModel Of(string name, Samples samples)
    {
        Type head = typeof(Pretrained).Assembly.GetExportedTypes().Single(type => type.Name == name);
        if (head.IsGenericTypeDefinition) head = head.MakeGenericType(typeof(string));
        return Assert.IsAssignableFrom<TunableModel>(samples.Of(head, "this"));
    }

    /// <summary>An encoder as a model that learns by the loss of that name.</summary>
    public static TunableModel WithLoss(string name, SentenceEncoder encoder)
    {
        MethodInfo made = typeof(SimilarityLoss).GetMethod(name)!;
        if (made.IsGenericMethodDefinition) made = made.MakeGenericMethod(typeof(string));
        object loss = made.Invoke(null, [.. made.GetParameters().Select(parameter => parameter.HasDefaultValue ? parameter.DefaultValue : new[] { "first0", "second0" })])!;
        MethodInfo with = typeof(SentenceEncoder).GetMethods().Single(method => method.Name == "With").MakeGenericMethod(made.ReturnType.GetGenericArguments()[0]);
        return (TunableModel)with.Invoke(encoder, [loss, null])!;
    }

    /// <summary>What the model learns from.</summary>
    public static Type ExampleOf(Type model) => model.IsGenericType && model.GetGenericTypeDefinition() == typeof(TunableModel<>)
        ? model.GetGenericArguments()[0] : ExampleOf(model.BaseType!);
}
