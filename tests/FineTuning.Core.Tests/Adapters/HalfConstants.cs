using System.Reflection;
using FineTuning.Models;

namespace FineTuning.Tests.Adapters;

/// <summary>
/// Constants of a model that was made in bfloat16 and then computed with in float32: the factor of the embeddings and the rotary frequencies are rounded.
/// So the reference computed Gemma's base alone; with adapters on it, and here always, both are exact in float32, so that a model which is trained and
/// saved in float32 is the same when it is opened again.
/// </summary>
internal static class HalfConstants
{
    public static void Set(Trunk trunk)
    {
        EmbeddingPlan embedding = trunk.Plan.Embedding;
        typeof(EmbeddingPlan).GetProperty(nameof(EmbeddingPlan.Scale))!.SetValue(embedding, (double)Rounded((float)embedding.Scale));
        var rotaries = Own<IReadOnlyDictionary<RotaryPlan, float[]>>(Own<StackPositions>(Own<Stack>(trunk, "_decoder"), "_positions"), "rotaries");
        foreach (float[] frequencies in rotaries.Values)
        {
            for (int i = 0; i < frequencies.Length; i++) frequencies[i] = Rounded(frequencies[i]);
        }
    }

    // These are immutable to all others.
    private static T Own<T>(object owner, string name) => (T)owner.GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
        .First(field => field.Name == name || field.Name.StartsWith($"<{name}>", StringComparison.Ordinal)).GetValue(owner)!;

    private static float Rounded(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
