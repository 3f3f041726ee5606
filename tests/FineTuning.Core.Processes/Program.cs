using System.Globalization;
using FineTuning;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Processes;

// FineTuning.Core.Processes SCENARIO CHECKPOINT: does one thing that used to end a process with a signal, and ends with 0 where all went well.
// FineTuning.Core.Processes repeat COUNT CHECKPOINT [SCENARIO ..]: starts each scenario, or those, so often, in processes of their own.
if (args is ["repeat", { } count, { } folder, .. { } only]) return Repetition.Run(int.Parse(count, CultureInfo.InvariantCulture), folder, only);
if (args is not [{ } name, { } checkpoint] || !Scenarios.All.TryGetValue(name, out Func<TextClassifier<string>, int>? scenario))
{
    await Console.Error.WriteLineAsync($"the arguments are a scenario ({string.Join(", ", Scenarios.All.Keys)}) and a checkpoint of a classifier, or: repeat COUNT CHECKPOINT [SCENARIO ..]");
    return 64;
}
return scenario(Pretrained.TextClassifier<string>(checkpoint));
