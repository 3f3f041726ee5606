using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Text;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Models;

/// <summary>
/// Every public member that reads a model's weights enters them. Types and members are found by reflection: one that is added later is asked too, or is named
/// here as one that reads none.
/// </summary>
public sealed class GatedMemberTests : IDisposable
{
    private const string Text = "please reset my password";

    private static readonly string Starter = Goldens.Starter;

    private static readonly Type[] Holders = [typeof(WeightSet), typeof(OutputHead), typeof(Trunk), typeof(SentenceEncoder), typeof(TextClassifier<string>)];

    /// <summary>How each kind of model is made.</summary>
    private static readonly Dictionary<Type, Func<IDisposable>> Makers = new()
    {
        [typeof(Trunk)] = () => Trunk.Load(Starter),
        [typeof(OutputHead)] = () => OutputHead.Load(Starter, HeadKind.MaskedLanguage),
        [typeof(TextClassifier<>)] = () => Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"] }),
        [typeof(TextMultiLabeler<>)] = () => Pretrained.TextMultiLabeler(Starter, new TextMultiLabelerOptions<string> { Labels = ["a", "b"] }),
        [typeof(TextRegressor)] = () => Pretrained.TextRegressor(Starter),
        [typeof(TokenClassifier)] = () => Pretrained.TokenClassifier(Starter, ["PER"]),
        [typeof(QuestionAnswerer)] = () => Pretrained.QuestionAnswerer(Starter),
        [typeof(MaskedLanguageModel)] = () => Pretrained.MaskedLanguageModel(Starter),
        [typeof(SentenceEncoder)] = () => Pretrained.SentenceEncoder(Starter),
        [typeof(FewShotClassifier<>)] = FewShot,
        [typeof(EnsembleClassifier<>)] = () => new EnsembleClassifier<string>([Pretrained.TextClassifier(Starter, new TextClassifierOptions<string> { Labels = ["a", "b"] })]),
        [typeof(ZeroShotClassifier)] = () => Pretrained.ZeroShotClassifier(Path.Combine(Goldens.Repository, "tests", "goldens", "pipelines", "deberta-v2-nli")),
        [typeof(CausalLanguageModel)] = () => Pretrained.CausalLanguageModel(Goldens.Require("pipelines", "gpt2-generate")),
        [typeof(ChatModel)] = () => Pretrained.ChatModel(Goldens.Require("pipelines", "llama-chat")),
        [typeof(RewardModel)] = () => Pretrained.RewardModel(Starter, new RewardModelOptions { FreshHead = true }),
        [typeof(TextToText)] = () => Pretrained.TextToText(Goldens.Require("pipelines", "t5-generate")),
    };

    /// <summary>Members that read no weights, and why.</summary>
    private static readonly Dictionary<string, string> Free = new(StringComparer.Ordinal)
    {
        ["Dispose"] = "ends the weights",
        ["Encode(.., EncodingReport)"] = "makes ids of a text",
        ["LearnedTexts"] = "makes ids of an example, and text of those",
        ["Collate"] = "makes tensors of ids",
        ["PrepareRows"] = "cuts and packs ids",
        ["NewEvaluation"] = "makes counters; who adds batches to them is the evaluation",
        ["AddMetric"] = "remembers a metric",
        ["Calibrate"] = "sets a threshold",
        ["SumLoss"] = "is the loop's, inside a run",
        ["AddGradients"] = "is the loop's, inside a run",
        ["With"] = "gives a view, whose members are those of a model that learns",
        ["DistilledFrom"] = "gives a view, whose members are those of a model that learns",
        ["SharePrompt"] = "reads the beginning when a prompt needs it, which enters",
        ["LoadAdapter"] = "changes the model, which has a rule of its own",
        ["UseAdapter"] = "changes the model, which has a rule of its own",
        ["WithoutAdapter"] = "changes the model, which has a rule of its own",
        ["SaveAdapter"] = "needs an adapter; ModelAdapters.Save enters",
    };

    private readonly string _folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
    private int _saved;

    public static TheoryData<Type> Models => [.. Makers.Keys];

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Every_public_class_that_holds_weights_is_asked()
    {
        IEnumerable<Type> found = typeof(Trunk).Assembly.GetExportedTypes().Where(type => type is { IsClass: true, IsAbstract: false } && (IsModel(type) || HoldsOne(type)));
        // Adapters change a model or are written: both wait for all who are inside. A set of weights is what is entered.
        Type[] others = [typeof(FineTuning.Adapters.ModelAdapters), typeof(MultiTaskTuner), typeof(SharedPrompt), typeof(DomainAdaptation)];
        Assert.Equal(Makers.Keys.Concat(others).Select(type => type.Name).Order(StringComparer.Ordinal), found.Select(type => type.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_member_is_refused_during_a_run_answers_afterwards_and_is_refused_when_the_weights_are_gone(Type kind)
    {
        IDisposable model = Makers[kind]();
        var unknown = new List<string>();
        Member[] members = [.. Members(model, unknown)];
        Assert.True(unknown.Count == 0, $"{kind.Name} has members that are neither called nor said to read no weights: {string.Join("; ", unknown)}");
        Assert.NotEmpty(members);
        WeightSet weights = WeightsOf(model);
        DuringARun(weights, () =>
        {
            foreach (Member member in members)
            {
                Exception? failure = Record.Exception(member.Call);
                Assert.True(failure is InvalidOperationException and not ObjectDisposedException && failure.Message.Contains("a run trains this model", StringComparison.Ordinal),
                    $"{kind.Name}.{member.Name} during a run: {failure?.ToString() ?? "it answered"}");
            }
        });
        foreach (Member member in members)
        {
            Exception? failure = Record.Exception(member.Call);
            Assert.True(failure is null, $"{kind.Name}.{member.Name}: {failure}");
        }
        model.Dispose();
        foreach (Member member in members)
        {
            Exception? failure = Record.Exception(member.Call);
            Assert.True(failure is ObjectDisposedException, $"{kind.Name}.{member.Name} after disposal: {failure?.ToString() ?? "it answered"}");
        }
    }

    [Fact]
    public void What_is_said_to_read_no_weights_is_there()
    {
        string[] there = [.. Makers.Keys.SelectMany(type => type.GetMethods(BindingFlags.Instance | BindingFlags.Public).Select(FreeNameOf)).Distinct()];
        Assert.Empty(Free.Keys.Except(there));
    }

    private static bool IsModel(Type type) => type.IsAssignableTo(typeof(TunableModel)) || type.GetInterfaces().Any(IsPredictor);

    private static bool IsPredictor(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IPredictor<,>);

    private static bool HoldsOne(Type type) => type != typeof(WeightSet)
        && type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Any(field => Holders.Contains(field.FieldType));

    private static WeightSet WeightsOf(object model) => model switch
    {
        TunableModel tunable => tunable.Weights,
        Trunk trunk => trunk.Weights,
        OutputHead head => head.Weights,
        SentenceEncoder encoder => encoder.Weights,
        ZeroShotClassifier classifier => classifier.Head.Weights,
        FewShotClassifier<string> classifier => classifier.Encoder.Weights,
        EnsembleClassifier<string> ensemble => ensemble.Members[0].Weights,
        _ => throw new ArgumentException($"{model.GetType().Name} has no weights that are known here", nameof(model)),
    };

    private static FewShotClassifier<string> FewShot()
    {
        FewShotClassifier<string> model = Pretrained.FewShotClassifier<string>(Starter, new FewShotOptions<string> { PairsPerText = 0 });
        model.Train(Examples<LabeledText<string>>());
        return model;
    }

    private IEnumerable<Member> Members(object model, List<string> unknown)
    {
        Type type = model.GetType();
        IEnumerable<MethodInfo> own = type.GetMethods(BindingFlags.Instance | BindingFlags.Public)
            .Where(method => !method.IsSpecialName && method.GetBaseDefinition().DeclaringType!.Assembly == typeof(Trunk).Assembly);
        IEnumerable<MethodInfo> inherited = type.GetInterfaces().Where(IsPredictor).SelectMany(contract => contract.GetMethods());
        foreach (MethodInfo method in own.Concat(inherited))
        {
            if (Free.ContainsKey(FreeNameOf(method))) continue;
            if (Caller(model, method, null) is { } call) yield return new(Signature(method), call);
            else unknown.Add(Signature(method));
        }
        foreach (MethodInfo method in Extensions())
        {
            // public static R Name<TExample>(this TunableModel<TExample> model, ..)
            if (ExampleOf(type) is not { } example) continue;
            MethodInfo closed = method.MakeGenericMethod(example);
            if (Caller(null, closed, model) is { } call) yield return new(Signature(method), call);
            else unknown.Add(Signature(method));
        }
    }

    private static IEnumerable<MethodInfo> Extensions() => typeof(Trunk).Assembly.GetExportedTypes().Where(type => type is { IsAbstract: true, IsSealed: true })
        .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public))
        .Where(method => method.IsDefined(typeof(ExtensionAttribute)) && method.IsGenericMethodDefinition && method.GetParameters()[0].ParameterType is { IsGenericType: true } first
            && first.GetGenericTypeDefinition() == typeof(TunableModel<>));

    private static Type? ExampleOf(Type? type)
    {
        for (; type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(TunableModel<>)) return type.GetGenericArguments()[0];
        }
        return null;
    }

    private static string FreeNameOf(MethodInfo method) =>
        method.GetParameters() is [_, { } last] && last.ParameterType == typeof(EncodingReport) ? $"{method.Name}(.., {nameof(EncodingReport)})" : method.Name;

    private static string Signature(MethodInfo method) =>
        $"{method.Name}({string.Join(", ", method.GetParameters().Select(parameter => $"{parameter.ParameterType} {parameter.Name}"))})";

    private Action? Caller(object? target, MethodInfo method, object? first)
    {
        if (method.ContainsGenericParameters) return null;
        var arguments = new List<Func<object?>>();
        foreach (ParameterInfo parameter in method.GetParameters())
        {
            if (first is not null && parameter.Position == 0) arguments.Add(() => first);
            else if (Argument(target ?? first!, parameter) is { } argument) arguments.Add(argument);
            else return null;
        }
        return () =>
        {
            using var scope = NewDisposeScope();
            Finish(method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, [.. arguments.Select(argument => argument())], null));
        };
    }

    /// <summary>What stands for a parameter, by its type; null where that is not known.</summary>
    private Func<object?>? Argument(object model, ParameterInfo parameter)
    {
        string text = model is MaskedLanguageModel masked ? $"{Text} {masked.Tokenizer.Token(masked.MaskId)}" : Text;
        Type type = parameter.ParameterType;
        if (type == typeof(string) && parameter.Name == "label") return () => "a";
        if (type == typeof(string)) return parameter.Name == "folder" ? () => Directory.CreateDirectory(Path.Combine(_folder, $"{_saved++}")).FullName : () => text;
        if (type == typeof(FineTuning.Generation.GenerationOptions)) return () => new FineTuning.Generation.GenerationOptions { MaxNewTokens = 2 };
        if (parameter.HasDefaultValue) return () => type.IsValueType ? Activator.CreateInstance(type) : null;
        if (type == typeof(IReadOnlyList<string>)) return () => new[] { text, text };
        if (type == typeof(IEnumerable<string>)) return () => new[] { text, text };
        if (type == typeof(IReadOnlyList<IReadOnlyList<string>>)) return () => new[] { Text.Split(' ') };
        if (type == typeof((string, string))) return () => (text, text);
        if (type == typeof(IReadOnlyList<(string, string)>)) return () => new[] { (text, text) };
        if (type == typeof(IReadOnlyList<TaggedText>)) return () => Examples<TaggedText>();
        if (type == typeof(TextOrTurns)) return () => new TextOrTurns(text);
        if (type == typeof(FillOptions)) return () => new FillOptions();
        if (type == typeof(EntityOptions)) return () => new EntityOptions();
        if (type == typeof(IReadOnlyList<ChatTurn>)) return () => new[] { new ChatTurn("user", "ok") };
        if (type == typeof(IReadOnlyList<IReadOnlyList<ChatTurn>>)) return () => new[] { new[] { new ChatTurn("user", "ok") } };
        if (type == typeof(TrunkInput)) return () => new TrunkInput(tensor(new long[] { 2, 3, 4 }, [1, 3]));
        if (type == typeof(ForwardContext)) return () => ForwardContext.Evaluation();
        if (type == typeof(WantedStates)) return () => WantedStates.All;
        if (type == typeof(Tensor)) return () => tensor(new long[] { 1 });
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IEnumerable<>)) return () => Examples(type.GetGenericArguments()[0]);
        return null;
    }

    private static T[] Examples<T>() => (T[])Examples(typeof(T));

    private static Array Examples(Type type)
    {
        if (type == typeof(LabeledText<string>)) return new LabeledText<string>[] { new(Text, "a"), new("good", "b"), new(Text, "a"), new("good", "b") };
        if (type == typeof(MultiLabeledText<string>)) return new MultiLabeledText<string>[] { new(Text, ["a"]) };
        if (type == typeof(ScoredText)) return new ScoredText[] { new(Text, 1), new("good", 2) };
        if (type == typeof(TaggedText)) return new TaggedText[] { new TaggedWords(["reset", "it"], ["B-PER", "O"]) };
        if (type == typeof(AnsweredQuestion)) return new AnsweredQuestion[] { new("what?", Text, new GivenAnswer("please", 0)) };
        if (type == typeof(string)) return new[] { Text };
        if (type == typeof(PromptCompletion)) return new PromptCompletion[] { new("The film", " is good") };
        if (type == typeof(Conversation)) return new Conversation[] { new([new("user", "ok"), new("assistant", "I say ok")]) };
        if (type == typeof(PreferencePair)) return new PreferencePair[] { new("reset", "good", "bad") };
        if (type == typeof(SourceTarget)) return new SourceTarget[] { new("A gripping film.", "a film") };
        throw new ArgumentException($"there is no example of {type} here: add one", nameof(type));
    }

    /// <summary>What is answered later is waited for.</summary>
    private static void Finish(object? answer)
    {
        if (answer is Trunk copy) copy.Dispose();
        if (answer is Task task) task.GetAwaiter().GetResult();
        if (answer is IAsyncEnumerable<string> stream) _ = stream.ToBlockingEnumerable().Count();
        if (answer is IPredictor<string, Classification<string>> predictor) predictor.Predict(Text);
        if (answer is IEnumerable and not string and not Tensor) Assert.NotEmpty((IEnumerable)answer);
    }

    /// <summary>The run's thread stays until the work is done: who has its number may read.</summary>
    private static void DuringARun(WeightSet weights, Action work)
    {
        using RunPass run = RunPass.Register(weights);
        using var begun = new ManualResetEventSlim();
        using var done = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            run.Begin(weights, default);
            begun.Set();
            done.Wait();
        });
        thread.Start();
        begun.Wait();
        try
        {
            work();
        }
        finally
        {
            done.Set();
            thread.Join();
        }
    }

    private sealed record Member(string Name, Action Call);
}
