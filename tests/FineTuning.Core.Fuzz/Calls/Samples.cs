using System.Collections;
using System.Linq.Expressions;
using System.Reflection;
using System.Text.Json;
using FineTuning.Adapters;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Metrics;
using FineTuning.Models;
using FineTuning.Strategies;
using FineTuning.Tasks;
using FineTuning.Text;
using FineTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace FineTuning.Fuzz;

/// <summary>A right value of any type of the public surface; what holds native memory is disposed with it.</summary>
internal sealed class Samples : IDisposable
{
    private readonly Stack<IDisposable> _made = [];

    /// <summary>Types that stand for what is generic or abstract.</summary>
    public static Type Closed(Type parameter) => parameter.GetGenericParameterConstraints().FirstOrDefault(type => type.IsClass) is { } constraint
        ? constraint == typeof(TaggedText) ? typeof(TaggedWords) : typeof(LoraAdapter)
        : parameter.Name == "TPreference" ? typeof(PreferencePair)
        : parameter.Name == "TExample" ? typeof(LabeledText<string>) : typeof(string);

    /// <summary>A right value.</summary>
    /// <param name="type">Any type of a parameter.</param>
    /// <param name="name">Its name.</param>
    /// <param name="owner">The type whose member it is.</param>
    public object? Of(Type type, string name, Type? owner = null)
    {
        object? value = Make(type, name, owner);
        if (value is IDisposable disposable && value is not (string or CancellationToken or JsonElement)) _made.Push(disposable);
        return value;
    }

    public void Dispose()
    {
        while (_made.TryPop(out IDisposable? made)) made.Dispose();
    }

    private object? Make(Type type, string name, Type? owner)
    {
        if (owner == typeof(RowKeepingVerbs) && Models(type) is FineTuner<LabeledText<string>> tuner) return tuner.CheckpointTo(Checkpoints.Fresh());
        if (Models(type) is { } model) return model;
        if (Values(type, owner) is { } value) return value;
        if (Own(type, owner) is { } own) return own;
        if (type == typeof(string)) return Text(name, owner);
        if (Nullable.GetUnderlyingType(type) is { } inner) return Make(inner, name, owner);
        if (type.IsEnum) return Enum.GetValues(type).GetValue(0);
        if (type.IsArray) return Filled(Array.CreateInstance(type.GetElementType()!, 1), Of(type.GetElementType()!, name, owner));
        if (typeof(Delegate).IsAssignableFrom(type)) return Callback(type);
        if (type.IsGenericType && type.IsInterface) return Interface(type, name, owner);
        if (type.IsPrimitive) return Convert.ChangeType(type == typeof(bool) ? 0 : type == typeof(char) ? ';' : Number(name), type, System.Globalization.CultureInfo.InvariantCulture);
        return Constructed(type);
    }

    /// <summary>Made by the shortest of its constructors; null: it has none.</summary>
    private object? Constructed(Type type)
    {
        ConstructorInfo? constructor = type.IsAbstract ? null : type.GetConstructors().Where(made => made.GetParameters() is not [{ } only] || only.ParameterType != type)
            .OrderBy(made => made.GetParameters().Length).FirstOrDefault();
        if (constructor is not null) return constructor.Invoke([.. constructor.GetParameters().Select(parameter => Of(parameter.ParameterType, parameter.Name!, type))]);
        return type.IsValueType ? Activator.CreateInstance(type) : null;
    }

    private static object Models(Type type) => type switch
    {
        _ when type == typeof(TunableModel) || type == typeof(TextClassifier<string>) || type == typeof(TextTask<LabeledText<string>, Classification<string>>)
            || type == typeof(TunableModel<LabeledText<string>>) => Pretrained.TextClassifier<string>(Checkpoints.Classifier),
        _ when type == typeof(TextMultiLabeler<string>) => Pretrained.TextMultiLabeler<string>(Checkpoints.Plain, new() { Labels = ["a", "b"] }),
        _ when type == typeof(TextRegressor) => Pretrained.TextRegressor(Checkpoints.Plain),
        _ when type == typeof(TokenClassifier) => Pretrained.TokenClassifier(Checkpoints.Plain, ["PER"]),
        _ when type == typeof(QuestionAnswerer) => Pretrained.QuestionAnswerer(Checkpoints.Plain),
        _ when type == typeof(MaskedLanguageModel) || type == typeof(TunableModel<string>) => Pretrained.MaskedLanguageModel(Checkpoints.Plain, new() { MaximumLength = 8 }),
        _ when type == typeof(SentenceEncoder) => Pretrained.SentenceEncoder(Checkpoints.Plain),
        _ when type == typeof(ZeroShotClassifier) => Pretrained.ZeroShotClassifier(Checkpoints.Inference),
        _ when type == typeof(CausalLanguageModel) || type == typeof(CausalTextModel<PromptCompletion>) || type == typeof(GenerativeModel<PromptCompletion>) =>
            Pretrained.CausalLanguageModel(Checkpoints.Causal),
        _ when type == typeof(ChatModel) => Pretrained.ChatModel(Checkpoints.Causal),
        _ when type == typeof(RewardModel) => Pretrained.RewardModel(Checkpoints.Plain),
        _ when type == typeof(SharedPrompt) => Pretrained.CausalLanguageModel(Checkpoints.Causal).SharePrompt("a b"),
        _ when type == typeof(StopSignal) => StopSignal.Listen(),
        _ when type == typeof(MultiTaskTuner) => SeveralTasks(),
        _ when type == typeof(MultiTaskResult) => SeveralTasks().Train(),
        _ when type == typeof(ContinuedTuner<LabeledText<string>>) => Watching(),
        _ when type == typeof(EnsembleClassifier<string>) => new EnsembleClassifier<string>([Pretrained.TextClassifier<string>(Checkpoints.Classifier)]),
        _ when type == typeof(EnsembleResult<string>) => Ensemble.OverSeeds(_ => Pretrained.TextClassifier<string>(Checkpoints.Classifier), tuner => tuner.Steps(1), GrowingData, GrowingData, 2),
        _ when type == typeof(AdaptiveTuner<LabeledText<string>>) => Adaptive(),
        _ when type == typeof(AdaptiveResult) => Adaptive().Train(GrowingData),
        _ when type == typeof(AdaptiveTrial) => Adaptive().Train(GrowingData).Kept,
        _ when type == typeof(AdaptiveMeasurements) => Adaptive().Train(GrowingData).Measured,
        _ when type == typeof(IncrementalTuner<LabeledText<string>>) => Growing(),
        _ when type == typeof(IncrementalResult) => Growing().Train(GrowingData),
        _ when type == typeof(StageResult) => Growing().Train(GrowingData).Last,
        _ when type == typeof(LearningForecast) => Growing().Train(GrowingData).Forecast!,
        _ when type == typeof(ContinuedResult) => Watching().Train([new("a b", "first0")]),
        _ when type == typeof(KeptScore) => Watching().Train([new("a b", "first0")]).Gained,
        _ when type == typeof(LearningRateCurve) => FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)).FindLearningRate(GrowingData, new() { Steps = 10 }),
        _ when type == typeof(DomainAdaptation) => Pretrained.Trunk(Checkpoints.Plain).AdaptTo(["a b c", "a b"], new() { Recipe = options => options with { Steps = 1 } }),
        _ when type == typeof(TextToText) => Pretrained.TextToText(Checkpoints.EncoderDecoder),
        _ when type == typeof(FewShotClassifier<string>) => FewShot(),
        _ when type == typeof(MemoryEstimate) => FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)).Estimate([new("a b", "first0")]),
        _ when type == typeof(Trunk) => Pretrained.Trunk(Checkpoints.Classifier),
        _ when type == typeof(OutputHead) => OutputHead.Load(Checkpoints.Classifier, HeadKind.SequenceClassification, 2),
        _ when type == typeof(WeightSet) => Pretrained.TextClassifier<string>(Checkpoints.Classifier).Weights,
        _ when type == typeof(ModelAdapters) => Adapted().Adapters,
        _ when type == typeof(RecipeSearch<LabeledText<string>>) => Search(),
        _ when type == typeof(FineTuner<LabeledText<string>>) => FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)),
        _ => null!,
    };

    private static RecipeSearch<LabeledText<string>> Search() =>
        FineTuner.Search(FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)).ValidateOn([new LabeledText<string>("a b", "first0")]).Epochs(1))
            .Over("rate", [1e-3], (o, rate) => o with { Optimizer = Optimizer.AdamW(rate) });

    // Rows and batches of the model whose member it is.
    private object? Own(Type type, Type? owner)
    {
        bool isRow = type == typeof(EncodedRow), isBatch = type == typeof(Batch), isRows = type == typeof(IReadOnlyList<EncodedRow>);
        if (!(isRow || isBatch || isRows) || owner is null || !typeof(TunableModel).IsAssignableFrom(owner) || Of(owner, "this") is not TunableModel model) return null;
        Type example = owner;
        while (!example.IsGenericType || example.GetGenericTypeDefinition() != typeof(TunableModel<>))
        {
            if (example.BaseType is null) return Own(type, typeof(TextClassifier<string>));
            example = example.BaseType;
        }
        example = example.GetGenericArguments()[0];
        object record = Of(example, "example")!;
        EncodedRow? row = (EncodedRow?)model.GetType().GetMethods().First(method => method.Name == "Encode" && method.GetParameters() is [{ } first, _] && first.ParameterType == example)
            .Invoke(model, [record, new EncodingReport()]);
        if (isRow) return row;
        IReadOnlyList<EncodedRow> rows = model.PrepareRows([row!]);
        if (isRows) return rows;
        return model.Collate(rows, rows.Max(each => each.Length));
    }

    private static object Values(Type type, Type? owner) => type switch
    {
        _ when type == typeof(PretrainedTokenizer) => PretrainedTokenizer.Load(Checkpoints.Causal),
        _ when type == typeof(TokenizedText) => PretrainedTokenizer.Load(Checkpoints.Plain).Encode("a b"),
        _ when type == typeof(EncodedChat) => PretrainedTokenizer.Load(Checkpoints.Causal).EncodeChat([new("user", "a"), new("assistant", "b")]),
        _ when type == typeof(ChatTemplate) => PretrainedTokenizer.Load(Checkpoints.Causal).ChatTemplate,
        _ when type == typeof(ChatTurn) => new ChatTurn("user", "a"),
        _ when type == typeof(Optimizer) => Optimizer.AdamW(),
        _ when type == typeof(SearchInterval) => SearchInterval.Uniform(0, 1),
        _ when type == typeof(Schedule) => Schedule.Constant(),
        _ when type == typeof(TaskSampling) => TaskSampling.Temperature(2),
        _ when type == typeof(TaskBalancing) => TaskBalancing.GradientNorms(),
        _ when type == typeof(Adapter) => Adapter.Lora(2),
        _ when type == typeof(Augmentation) => Augmentation.Characters(),
        _ when type == typeof(RunFeature) => new WeightAverage(0.9),
        _ when type == typeof(CorpusMetric) => new Bleu(),
        _ when type == typeof(UserMetric) => UserMetric.Of<string, Classification<string>>("mine", MetricDirection.Higher, (_, _) => 1),
        _ when type == typeof(SimilarityLoss<LabeledText<string>>) => SimilarityLoss.SupervisedContrastive(["first0", "second0"]),
        _ when type == typeof(TaggedText) => new TaggedWords(["a", "b"], ["B-PER", "O"]),
        _ when type == typeof(AnsweredQuestion) => new AnsweredQuestion("a", "b c", new GivenAnswer("b", 0)),
        _ when type == typeof(PreferenceLoss<PreferencePair>) => PreferenceLoss.Dpo(),
        _ when type == typeof(TextTriple) => new TextTriple("a", "b", "c") { Margin = 0.5 },
        _ when type == typeof(TextSpan) => new TextSpan("PER", 0, 1),
        _ when type == typeof(EntitySpan) => new EntitySpan("PER", 0, 1),
        _ when type == typeof(LabeledText<string>) => new LabeledText<string>("a b", "first0"),
        _ when type == typeof(Row) => Csv.Read(DataFiles.Path("Csv")).First(),
        _ when type == typeof(JsonRow) => JsonLines.Read(DataFiles.Path(owner?.Name ?? "JsonLines")).First(),
        _ when type == typeof(LabelSet<string>) => ((TextClassifier<string>)Models(typeof(TextClassifier<string>))).LabelSet,
        _ when type == typeof(TagSet) => ((TokenClassifier)Models(typeof(TokenClassifier))).Tags,
        _ when type == typeof(MetricReport) => new MetricReport([MetricValue.Lower("loss", 1)]),
        _ when type == typeof(TextExplanation) => ((TextClassifier<string>)Models(typeof(TextClassifier<string>))).Explain("a b"),
        _ when type == typeof(TrainedVocabulary) => VocabularyTrainer.WordPiece(["a b c", "a b"], new VocabularyOptions { Size = 60 }),
        _ when type == typeof(RougeKind) => RougeKind.L,
        _ when type == typeof(HeadKind) => HeadKind.SequenceClassification,
        _ when type == typeof(WantedStates) => WantedStates.All,
        _ when type == typeof(ForwardContext) => ForwardContext.Evaluation(),
        _ when type == typeof(TrunkInput) => new TrunkInput(zeros(1, 4, ScalarType.Int64)),
        _ when type == typeof(Tensor) && owner == typeof(WantedStates) => zeros(2, ScalarType.Int64),
        _ when type == typeof(Tensor) && owner == typeof(OutputHead) => zeros(2, ScalarType.Int64),
        _ when type == typeof(Tensor) => zeros(1),
        _ when type == typeof(Device) => CPU,
        _ when type == typeof(Conversation) => new Conversation([new("user", "a"), new("assistant", "b")]),
        _ when type == typeof(Weight) => Pretrained.TextClassifier<string>(Checkpoints.Classifier).Weights[0],
        _ when type == typeof(ModuleTargets) => Adapter.Lora().Targets,
        _ when type == typeof(MetricCollector<string, string>) => ((TextClassifier<string>)Models(typeof(TextClassifier<string>))).CollectMetrics<string, string>(),
        _ when type == typeof(TrainingResult) => FineTuner.For((TextClassifier<string>)Models(typeof(TextClassifier<string>))).Steps(1).Train([new("a", "first0")]),
        _ when type == typeof(WeightFilter) => new WeightFilter(),
        _ when type == typeof(DelimitedRow) => Csv.Read(DataFiles.Path("Csv")).First(),
        _ when type == typeof(DelimitedFile) => Csv.Read(DataFiles.Path("Csv")),
        _ when type == typeof(IReadOnlyList<double>) && owner is not null && typeof(CorpusMetric).IsAssignableFrom(owner) => ((CorpusMetric)Activator.CreateInstance(
            owner.IsAbstract ? typeof(Bleu) : owner, [null])!).Statistics("a b", ["a c"]),
        _ when type == typeof(IReadOnlyList<IReadOnlyList<double>>) => new[] { new Bleu().Statistics("a b", ["a c"]), new Bleu().Statistics("a b", ["a b"]) },
        _ when type == typeof(Type) => typeof(string),
        _ when type == typeof(EncodedRow) && (owner is null || !typeof(TunableModel).IsAssignableFrom(owner)) => new TokenizedRow([1, 2], null),
        _ when type == typeof(Batch) && (owner is null || !typeof(TunableModel).IsAssignableFrom(owner)) => new TokenizedBatch([new TokenizedRow([1, 2], null)], 4, new TrunkInput(zeros(1, 4, ScalarType.Int64))),
        _ when type == typeof(CancellationToken) => CancellationToken.None,
        _ when type == typeof(TimeSpan) => TimeSpan.FromSeconds(1),
        _ when type == typeof(EvaluationInterval) => EvaluationInterval.Epoch,
        _ when type == typeof(Microsoft.Extensions.Logging.ILogger) => Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
        _ when type == typeof(System.Text.Json.Nodes.JsonNode) || type == typeof(System.Text.Json.Nodes.JsonObject) => new System.Text.Json.Nodes.JsonObject { ["type"] = "object" },
        _ when type == typeof(JsonElement) => JsonDocument.Parse(owner == typeof(ChatTool) ? """{"type":"function","function":{"name":"f","parameters":{}}}"""
            : owner == typeof(ChatDocument) ? """{"title":"a","text":"b"}""" : """{"role":"user","content":"a"}""").RootElement,
        _ when type == typeof(nn.Module) => nn.Linear(2, 2),
        _ => null!,
    };

    private static string Text(string name, Type? owner) => name switch
    {
        "folder" when owner == typeof(ModelAdapters) || owner == typeof(TunableModel) => Checkpoints.Adapter,
        "input" or "inputs" or "text" when owner == typeof(MaskedLanguageModel) => "[MASK] a",
        "label" when owner == typeof(TextClassifier<string>) => "first0",
        "label" when owner == typeof(TextMultiLabeler<string>) => "a",
        "column" => "text",
        "name" when owner == typeof(MetricReport) => "loss",
        "folder" when owner == typeof(ZeroShotClassifier) => Checkpoints.Inference,
        "folder" when owner is not null && (typeof(TunableModel).IsAssignableFrom(owner) || owner == typeof(SentenceEncoder) || owner == typeof(FewShotClassifier<string>))
            => Checkpoints.Fresh(),
        "folder" when owner == typeof(CheckpointVerbs) || owner == typeof(RowKeepingVerbs) => Checkpoints.Fresh(),
        "checkpoint" => Checkpoints.Run,
        "folder" when owner == typeof(TrainedVocabulary) => Directory.CreateTempSubdirectory("written").FullName,
        "folder" when owner == typeof(PretrainedTokenizer) => Checkpoints.Copy(Checkpoints.Causal),
        "folder" when owner == typeof(OutputHead) => Checkpoints.Copy(Checkpoints.Classifier),
        "tags" or "sentences" or "references" or "predictions" when owner == typeof(TagSequence) || owner == typeof(EntityAccumulator) => "O",
        "folder" => Checkpoints.Classifier,
        "path" when owner == typeof(TrainingResult) => Checkpoints.Fresh() + ".html",
        "target" => Checkpoints.Fresh(),
        "path" => DataFiles.Path(owner!.Name),
        "json" => new TrainingOptions().ToJson(),
        "configuration" => File.ReadAllText(Path.Combine(Checkpoints.Plain, "config.json")),
        "messages" => """[{"role":"user","content":"a"}]""",
        "template" or "Template" => "{{ messages[0]['content'] }}",
        "Device" => "cpu",
        "label" => "label",
        "text" when owner == typeof(RowMapping) || owner == typeof(PlainText) => "text",
        "labels" when owner == typeof(SimilarityLoss) => "a",
        "labels" or "score" or "source" or "target" => name,
        "Pattern" => "a",
        "pattern" => "layer.*",
        "role" => "user",
        _ => "a",
    };

    private static int Number(string name) => name switch { "Size" => 60, "index" or "word" or "sequence" or "character" or "Start" or "start" => 0, "reference" or "predicted" or "Last" or "logLikelihood" => 0, "outputs" => 2, "paddedLength" => 8, _ => 1 };

    private static Array Filled(Array array, object? item)
    {
        array.SetValue(item, 0);
        return array;
    }

    private object? Interface(Type type, string name, Type? owner)
    {
        Type[] arguments = type.GetGenericArguments();
        Type definition = type.GetGenericTypeDefinition();
        if (definition == typeof(IReadOnlyDictionary<,>) || definition == typeof(IDictionary<,>))
        {
            var entries = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(arguments))!;
            entries.Add(Of(arguments[0], name, owner)!, Of(arguments[1], name, owner));
            return entries;
        }
        if (definition == typeof(IReadOnlySet<>)) return Activator.CreateInstance(typeof(HashSet<>).MakeGenericType(arguments), Make(arguments[0].MakeArrayType(), name, owner));
        if (definition == typeof(IProgress<>)) return Activator.CreateInstance(typeof(Progress<>).MakeGenericType(arguments));
        // Two labels, for losses and heads that need two.
        if (name is "labels" && arguments[0] == typeof(string) && owner != typeof(RowMapping)) return new[] { "a", "b" };
        if (typeof(IEnumerable).IsAssignableFrom(type)) return Make(arguments[0].MakeArrayType(), name, owner);
        return null;
    }

    /// <summary>A function that gives its argument back where it can, else a right value.</summary>
    private Delegate Callback(Type type)
    {
        MethodInfo invoke = type.GetMethod("Invoke")!;
        ParameterExpression[] parameters = [.. invoke.GetParameters().Select(parameter => Expression.Parameter(parameter.ParameterType))];
        Expression body = invoke.ReturnType == typeof(void) ? Expression.Empty()
            : Array.Find(parameters, parameter => parameter.Type == invoke.ReturnType) is { } same ? same
            : Expression.Constant(Of(invoke.ReturnType, "result", null), invoke.ReturnType);
        return Expression.Lambda(type, body, parameters).Compile();
    }

    /// <summary>Two tasks on one trunk.</summary>
    public static MultiTaskTuner SeveralTasks()
    {
        Trunk trunk = Pretrained.Trunk(Checkpoints.Plain);
        LabeledText<string>[] data = [new("a b", "x"), new("c", "y")];
        return FineTuner.For(trunk).With(options => options with { Steps = 2, BatchSize = 1 })
            .Task("first", Pretrained.TextClassifier<string>(trunk, new() { Labels = ["x", "y"] }), data)
            .Task("second", Pretrained.TextClassifier<string>(trunk, new() { Labels = ["x", "y"] }), data);
    }

    private static LabeledText<string>[] GrowingData => [new("a b", "first0"), new("b", "first0"), new("a", "first0")];

    private static IncrementalTuner<LabeledText<string>> Growing() => FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)).Steps(1)
        .ValidateOn(GrowingData).Incrementally(new() { Stages = [1, 2] });

    private static AdaptiveTuner<LabeledText<string>> Adaptive() => FineTuner.For(Pretrained.TextClassifier<string>(Checkpoints.Classifier)).Epochs(1)
        .ValidateOn(GrowingData).Adaptive(AdaptiveBudget.OfRows(60));

    private static ContinuedTuner<LabeledText<string>> Watching()
    {
        TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        LabeledText<string>[] data = [new("a b", "first0")];
        return FineTuner.For(model).Steps(1).ValidateOn(data).Keeping("old", model, data);
    }

    private static FewShotClassifier<string> FewShot()
    {
        FewShotClassifier<string> model = Pretrained.FewShotClassifier(Checkpoints.Plain, new FewShotOptions<string> { PairsPerText = 0 });
        model.Train([new("a", "x"), new("b", "y")]);
        return model;
    }

    private static TextClassifier<string> Adapted()
    {
        TextClassifier<string> model = Pretrained.TextClassifier<string>(Checkpoints.Classifier);
        model.Adapters.Add(Adapter.Lora(2), "a");
        return model;
    }
}
