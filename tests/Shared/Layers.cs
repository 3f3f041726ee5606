using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace FineTuning.Tests.Architecture;

/// <summary>The rooms of an assembly, lowest first, and which type uses which, read from the compiled method bodies.</summary>
/// <param name="library">The assembly.</param>
/// <param name="rooms">The namespaces below <c>FineTuning</c>; empty: that namespace itself.</param>
internal sealed class Layers(Assembly library, IReadOnlyList<string> rooms)
{
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>One sentence for each use of a higher room by a lower one.</summary>
    public IReadOnlyCollection<string> Violations()
    {
        var violations = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in library.GetTypes().Where(type => RoomOf(type) >= 0))
        {
            foreach (Type used in UsedBy(type))
            {
                if (RoomOf(used) > RoomOf(type)) violations.Add($"{Outermost(type).FullName} uses {Outermost(used).FullName}");
            }
        }
        return violations;
    }

    /// <summary>Types of the library that live in none of the rooms.</summary>
    public IReadOnlyList<string> Strangers() =>
        [.. library.GetTypes().Where(type => IsOurs(type.Namespace) && RoomOf(type) < 0).Select(type => type.FullName!)];

    private static bool IsOurs(string? space) => space == "FineTuning" || space?.StartsWith("FineTuning.", StringComparison.Ordinal) == true;

    private int RoomOf(Type type)
    {
        string? space = Outermost(type).Namespace;
        if (type.Assembly != library || !IsOurs(space)) return -1;
        string name = space!.Length == "FineTuning".Length ? "" : space["FineTuning.".Length..];
        for (string room = name; ; room = room[..room.LastIndexOf('.')])
        {
            for (int i = 0; i < rooms.Count; i++) if (rooms[i] == room) return i;
            if (!room.Contains('.', StringComparison.Ordinal)) return -1;
        }
    }

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    /// <summary>Every type that a type names: in its signatures, its fields and its method bodies.</summary>
    public static HashSet<Type> UsedBy(Type type)
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
