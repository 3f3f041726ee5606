using System.Text.Json.Nodes;
using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Adapters;

/// <summary>A method of tuning few numbers beside a frozen model: a value, with the modules that it is put on.</summary>
/// <remarks>Immutable. The model, its heads and the loop never ask which method it is. A file that PEFT or this library wrote says the same.</remarks>
public abstract record Adapter
{
    private protected Adapter()
    {
    }

    /// <summary>The modules that are adapted; by default those that PEFT takes for the model's family.</summary>
    public ModuleTargets Targets { get; init => field = value ?? throw new ArgumentNullException(nameof(Targets)); } = ModuleTargets.ByFamily;

    /// <summary>
    /// Modules that are trained and saved whole, by the ends of their names, for example <c>lm_head</c>. The output layer of a head for a task always is.
    /// </summary>
    public IReadOnlyList<string> ModulesToSave
    {
        get;
        init
        {
            NullMembers.RequireEntries(value, nameof(ModulesToSave));
            field = value;
        }
    } = [];

    /// <summary>What PEFT calls the method; null: it has no form in a file.</summary>
    internal abstract string? PeftType { get; }

    /// <summary>LoRA (Hu et al. 2021): y = W x + s B A x, with s = alpha / rank.</summary>
    /// <param name="rank">Rows of A; 1 or more. Default 16.</param>
    /// <param name="alpha">Above 0; null: twice the rank.</param>
    public static LoraAdapter Lora(int rank = 16, double? alpha = null) => new() { Rank = rank, Alpha = alpha ?? 2.0 * rank };

    /// <summary>DoRA (Liu et al. 2024): a magnitude for each output beside a low-rank change of direction.</summary>
    /// <param name="rank">Rows of A; 1 or more. Default 16.</param>
    /// <param name="alpha">Above 0; null: twice the rank.</param>
    public static LoraAdapter Dora(int rank = 16, double? alpha = null) => Lora(rank, alpha) with { HasMagnitudes = true };

    /// <summary>IA3 (Liu et al. 2022): learned factors of keys, values and what enters the feed-forward network.</summary>
    public static ScalingAdapter Scaling() => new();

    /// <summary>BitFit (Ben Zaken et al. 2022): every bias trains, and nothing else.</summary>
    public static BiasAdapter AllBiases() => new();

    /// <summary>Norm tuning (Zhao et al. 2023): norms train, and the head.</summary>
    public static NormAdapter Norms() => new();

    /// <summary>Rows of the token embeddings train, and nothing else.</summary>
    /// <param name="tokens">Their ids.</param>
    public static TokenAdapter Tokens(params int[] tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return new() { TokenIds = tokens };
    }

    /// <summary>Prompt tuning (Lester et al. 2021): learned vectors stand before every text.</summary>
    /// <param name="tokens">How many, from 1 to 16384. Default 20.</param>
    public static PromptAdapter Prompt(int tokens = 20) => new() { TokenCount = tokens };

    /// <summary>P-tuning (Liu et al. 2021): a small network makes the vectors before the text.</summary>
    /// <param name="tokens">How many, from 1 to 16384. Default 20.</param>
    public static EncodedPromptAdapter EncodedPrompt(int tokens = 20) => new() { TokenCount = tokens };

    /// <summary>Prefix tuning (Li and Liang 2021): learned keys and values stand before those of every layer.</summary>
    /// <param name="tokens">How many of each, from 1 to 16384. Default 20.</param>
    public static PrefixAdapter Prefix(int tokens = 20) => new() { TokenCount = tokens };

    /// <summary>The method on a linear module; null: it has none.</summary>
    internal virtual LinearMethod? OnLinear(LinearModule module, string path, ParameterSource source) => null;

    /// <summary>The method on an embedding table; null: it has none.</summary>
    internal virtual TableMethod? OnTable(EmbeddingTable table, string path, ParameterSource source) => null;

    /// <summary>What stands before every text; null: nothing.</summary>
    internal virtual LearnedPrompt? OnTrunk(OutputHead head, ParameterSource source) => null;

    /// <summary>The method with what it takes from the model.</summary>
    /// <exception cref="Errors.InvalidOptionsException">It is not for such a model.</exception>
    internal virtual Adapter For(OutputHead head) => this;

    /// <summary>What stands before every name in the file.</summary>
    internal virtual string FilePrefix => ParameterSource.Prefix;

    /// <summary>Whether it is put on modules.</summary>
    internal virtual bool HasTargets => true;

    /// <summary>Whether it changes nothing unless it is on a module; false: weights or tokens train without one.</summary>
    internal virtual bool NeedsModule => true;

    /// <summary>The modules that it is put on where none are named; null: of such a family none are known.</summary>
    /// <param name="modelType">The family, by config.json.</param>
    /// <param name="norms">The paths of the model's norms.</param>
    internal virtual IReadOnlyList<string>? DefaultsFor(string modelType, IEnumerable<string> norms) => DefaultTargets.Lora.GetValueOrDefault(modelType);

    /// <summary>Why it cannot be merged; null: it can.</summary>
    internal virtual string? Unmergeable => null;

    /// <summary>Whether a parameter of the model trains whole, and how the file calls it; null: it does not.</summary>
    internal virtual string? KeyOfWhole(string parameter, WeightKind kind, bool isNorm, bool isAdapted) => null;

    /// <summary>Which biases train.</summary>
    internal virtual TrainedBiases TrainedBiases => TrainedBiases.None;

    /// <summary>Ids of tokens whose embeddings train.</summary>
    internal virtual IReadOnlyList<int> TrainedTokens => [];

    /// <summary>What stands behind the path of the embeddings in the file, for the rows of these tokens.</summary>
    internal virtual string TokenSuffix => "token_adapter.trainable_tokens_delta";

    /// <summary>Whether the head of a task trains with it.</summary>
    internal virtual bool TrainsHead => true;

    /// <summary>Adds what is wrong with the settings.</summary>
    internal virtual void CollectViolations(List<string> violations)
    {
    }

    /// <summary>Writes the method's keys of adapter_config.json.</summary>
    internal abstract void Write(JsonObject config);

    internal Adapter With(ModuleTargets targets) => this with { Targets = targets };
}

/// <summary>Which biases of the model train with an adapter.</summary>
public enum TrainedBiases
{
    /// <summary>None.</summary>
    None,

    /// <summary>Those of the modules that are adapted.</summary>
    OfAdapted,

    /// <summary>Every bias of the model.</summary>
    All,
}

/// <summary>The verbs of all adapters.</summary>
public static class AdapterVerbs
{
    /// <summary>Says which modules are adapted: <c>Adapter.Lora().On(l => l.AllLinear())</c>.</summary>
    /// <typeparam name="TAdapter">The method.</typeparam>
    /// <param name="adapter">Stays as it is.</param>
    /// <param name="targets">Changes the targets that it has.</param>
    public static TAdapter On<TAdapter>(this TAdapter adapter, Func<ModuleTargets, ModuleTargets> targets)
        where TAdapter : Adapter
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(targets);
        return (TAdapter)adapter.With(targets(adapter.Targets)
            ?? throw new ArgumentException("it gave null; give the targets it got, or others", nameof(targets)));
    }
}
