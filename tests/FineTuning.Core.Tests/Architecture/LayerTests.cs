using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using FineTuning.Errors;
using Xunit;

namespace FineTuning.Tests.Architecture;

/// <summary>The order of the rooms, read from the compiled assembly: a room uses those before it in the list, never those after it.</summary>
public sealed class LayerTests
{
    private static readonly string[] Rooms =
    [
        "Errors", "Diagnostics", "Tensors", "Text", "Models", "Adapters", "Generation", "Examples", "Metrics", "Tasks", "Batching", "Heads", "Training", "Strategies", "",
    ];

    private static readonly Assembly Library = typeof(FineTuningException).Assembly;
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    [Fact]
    public void A_room_uses_only_rooms_below_it()
    {
        var violations = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in Library.GetTypes().Where(type => RoomOf(type) >= 0))
        {
            foreach (Type used in UsedBy(type))
            {
                if (RoomOf(used) > RoomOf(type)) violations.Add($"{Outermost(type).FullName} uses {Outermost(used).FullName}");
            }
        }
        Assert.True(violations.Count == 0, string.Join(Environment.NewLine, violations));
    }

    [Fact]
    public void Every_type_lives_in_a_known_room()
    {
        string[] strangers = [.. Library.GetTypes().Where(type => type.Namespace?.StartsWith("FineTuning", StringComparison.Ordinal) == true && RoomOf(type) < 0)
            .Select(type => type.FullName!)];
        Assert.Empty(strangers);
    }

    [Fact]
    public void The_test_sees_what_method_bodies_use() =>
        Assert.Contains(typeof(FineTuningException), UsedBy(typeof(LayerTests)));

    private static void ProbeForTheTestAbove() => throw new FineTuningException("never thrown");

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static int RoomOf(Type type)
    {
        string? space = Outermost(type).Namespace;
        if (space is null || type.Assembly != Library || (space != "FineTuning" && !space.StartsWith("FineTuning.", StringComparison.Ordinal))) return -1;
        string room = space.Length == "FineTuning".Length ? "" : space.Split('.')[1];
        return Array.IndexOf(Rooms, room);
    }

    private static HashSet<Type> UsedBy(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var used = new HashSet<Type>();
        AddType(used, type.BaseType);
        foreach (Type contract in type.GetInterfaces()) AddType(used, contract);
        foreach (FieldInfo field in type.GetFields(all)) AddType(used, field.FieldType);
        foreach (MethodBase method in type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)))
        {
            foreach (ParameterInfo parameter in method.GetParameters()) AddType(used, parameter.ParameterType);
            if (method is MethodInfo { ReturnType: { } returned }) AddType(used, returned);
            if (method.GetMethodBody() is not { } body) continue;
            foreach (LocalVariableInfo local in body.LocalVariables) AddType(used, local.LocalType);
            AddTokens(used, method, body.GetILAsByteArray()!);
        }
        return used;
    }

    private static void AddTokens(HashSet<Type> used, MethodBase method, byte[] code)
    {
        Type[]? typeArguments = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < code.Length;)
        {
            short value = code[at++];
            if (value == 0xFE) value = unchecked((short)(0xFE00 | code[at++]));
            OpCode operation = OpCodesByValue[value];
            if (operation.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok)
            {
                MemberInfo? member = method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments);
                AddType(used, member as Type ?? member?.DeclaringType);
                if (member is MethodBase { IsGenericMethod: true } call) foreach (Type argument in call.GetGenericArguments()) AddType(used, argument);
            }
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static void AddType(HashSet<Type> used, Type? type)
    {
        while (type is { HasElementType: true }) type = type.GetElementType();
        if (type is null || type.IsGenericParameter) return;
        if (type.IsGenericType)
        {
            foreach (Type argument in type.GetGenericArguments()) AddType(used, argument);
            type = type.GetGenericTypeDefinition();
        }
        if (!type.IsDefined(typeof(CompilerGeneratedAttribute), false)) used.Add(type);
    }
}
