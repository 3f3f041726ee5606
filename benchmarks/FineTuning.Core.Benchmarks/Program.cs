using BenchmarkDotNet.Running;
using FineTuning.Benchmarks.Comparison;

// compare: whole training steps, ours against an idiomatic TorchSharp loop; real: whole runs against the reference trainer's scores;
// anything else goes to BenchmarkDotNet's switcher.
switch (args.FirstOrDefault())
{
    case "compare":
        CompareCommand.Run(Arguments.Parse(args[1..]));
        break;
    case "real":
        RealCommand.Run(Arguments.Parse(args[1..]));
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Arguments).Assembly).Run(args);
        break;
}
