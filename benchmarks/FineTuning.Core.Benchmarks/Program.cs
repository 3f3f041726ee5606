using BenchmarkDotNet.Running;
using FineTuning.Benchmarks.Comparison;
using FineTuning.Benchmarks.Decoding;
using FineTuning.Benchmarks.Explaining;
using FineTuning.Benchmarks.Serving;
using FineTuning.Benchmarks.Tokenizing;

// compare: whole training steps, ours against an idiomatic TorchSharp loop; real: whole runs against the reference trainer's scores;
// fewshot: classification from a few texts of each label; starter: the same for the sample's checkpoint, beside random weights;
// memory: where the memory of a run goes; labels: what an evaluation over thousands of labels costs; gate: what entering the weights costs a prediction;
// adapters: what adapters and quantised matrices cost; --what real is a table of methods on real tasks;
// heads: training steps of every head beside plain classification;
// tokenize: ids and offsets, cold and warm, on one thread and two; tokenize-beside: beside the other tokenizers of .NET, with offsets and ids alone;
// tokenize-compare: generated texts through all pipelines, here and in npm's tokenizers;
// tokenize-long: one text of 100 MB, ten million spaces; vocabulary: trained vocabularies beside those of npm's tokenizers;
// checkpoint: what a checkpoint every 100 steps costs a run; endurance: memory over some hundred thousand micro-steps of a tiny model;
// chunked-loss: a loss over a large vocabulary chunk by chunk beside whole logits, in time and peak memory;
// decode: tokens a second of a language model beside the memory's speed and beside llama.cpp, and what a prompt costs;
// estimate: the peak memory of recipes, estimated and measured; decoder: training steps of a small decoder beside the idiomatic loop, packed and not;
// gsm8k: a small LLaMA learns packed and unpacked, step by step the same;
// chinese: a run from a configuration and a vocabulary; explain: explanations beside what deleting a word does;
// finite: what it costs that every answer is checked for NaN and infinity;
// frozen: runs over a frozen trunk with and without kept hidden states;
// domains: what adapting to a domain gives, and what a run on one domain forgets of another;
// forecasts: what learning curves say of four times the data, beside what is then measured;
// soak: many threads ask a served model while it is swapped; serve: micro-batching beside each caller alone and beside the multiplications;
// adaptive: tuning that measures first beside a fixed grid of recipes;
// large-data: rows in a file, ordered and trained on, with the memory that takes; resume: from encoded rows to the first step of a run that goes on;
// techniques: what helps against over-fitting on few rows;
// anything else goes to BenchmarkDotNet's switcher.
switch (args.FirstOrDefault())
{
    case "adapters":
        AdaptersCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "compare":
        CompareCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "fewshot":
        FewShotCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "heads":
        HeadsCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "starter":
        StarterCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "memory":
        MemoryCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "large-data":
        LargeDataCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "resume":
        ResumeCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "labels":
        LabelsCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "gate":
        GateCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "real":
        RealCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "soak":
        SoakCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "serve":
        ServeCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "tokenize":
        TokenizeCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "tokenize-beside":
        NeighboursCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "tokenize-compare":
        DifferenceCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "tokenize-long":
        LongTextCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "vocabulary":
        VocabularyCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "checkpoint":
        CheckpointCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "endurance":
        EnduranceCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "chunked-loss":
        ChunkedLossCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "decode":
        DecodeCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "estimate":
        EstimateCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "decoder":
        DecoderCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "gsm8k":
        GsmCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "chinese":
        ChineseCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "explain":
        ExplainCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "finite":
        FiniteCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "frozen":
        FrozenCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "domains":
        DomainsCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "forecasts":
        ForecastsCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "adaptive":
        AdaptiveCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "techniques":
        TechniquesCommand.Run(Arguments.Parse(args[1..]));
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Arguments).Assembly).Run(args);
        break;
}
